#ifndef WEIR_LIB_STEWARD_REPLY_H_
#define WEIR_LIB_STEWARD_REPLY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/steward/message.h"

namespace weir::steward {

// Whether `request` is to be answered. Returns NotFound, saying why not: it is
// itself a reply, its reply method is "none" or "REQNone", or it does not say
// who sent it.
//
// S0 answers replies, too, since it came before there was a way to say no. Two
// of its nodes that do are a loop, so here no reply is answered.
absl::Status WantsReply(const Message& request);

// What a node answers to `request`, with `data` as the result. It goes to the
// sender from the addressee, as the method that the request names or, if it
// names none, as what appends to a file ("REQToFileAppend" if the request's
// method begins with "REQ", else "fileAppend"), and takes from it all that
// begins with "reply", its retry wait, directory and file name. What it answers
// goes along, without its data. `suffix` is put behind the name of the file in
// both, since receivers look at that of the request.
//
// The ID, the signature and what the profile's defaults are stay with whoever
// sends it. The answer of a message that does not want one is made all the
// same; see WantsReply.
Message MakeReply(const Message& request, std::string data,
                  absl::string_view suffix = "");

}  // namespace weir::steward

#endif  // WEIR_LIB_STEWARD_REPLY_H_
