#ifndef WEIR_HOST_CONFIG_NOT_SERVED_YET_H_
#define WEIR_HOST_CONFIG_NOT_SERVED_YET_H_

#include <string>

#include "google/protobuf/message.h"
#include "host/config/fault_list.h"

namespace weir {

// Refuses what the schema has and this version of weir does not do, so that
// nobody believes in a setting that is not obeyed. All of it is one table, in
// not_served_yet.cc: who makes a field work removes its row there.
//
// Looks only at what is written: a default never refuses a file. So call it
// with the message as it was read, before any defaults are filled in.
//
// `message` is a HostConfig or a PluginConfig, at `path` of the file ("" for
// the whole). Each fault names the field, why it is refused, and what to do.
void CheckNotServedYet(const google::protobuf::Message& message,
                       const std::string& path, FaultList* faults);

}  // namespace weir

#endif  // WEIR_HOST_CONFIG_NOT_SERVED_YET_H_
