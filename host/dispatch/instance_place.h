#ifndef WEIR_HOST_DISPATCH_INSTANCE_PLACE_H_
#define WEIR_HOST_DISPATCH_INSTANCE_PLACE_H_

#include <string>
#include <utility>

#include "host/dispatch/handler_queue.h"
#include "host/dispatch/slot_meter.h"
#include "host/dispatch/wants_table.h"
#include "host/pipeline/name_table.h"
#include "host/pipeline/slab_pool.h"
#include "host/sync/clock.h"

namespace weir {

// What the instances of one slot share; it lives as long as any of them.
struct InstancePlace {
  InstancePlace(std::string area, const HandlerQueueOptions& options,
                const SlabPool& pool, const NameTable& type_names,
                const Clock& clock_of_host)
      : log_area(std::move(area)),
        types(type_names),
        clock(clock_of_host),
        queue(options, wants, pool, clock_of_host) {}

  const std::string log_area;  // "plugins/counts"
  const NameTable& types;
  const Clock& clock;
  WantsTable wants;  // Of the instance that has the turn.
  HandlerQueue queue;
  SlotMeter meter;
};

}  // namespace weir

#endif  // WEIR_HOST_DISPATCH_INSTANCE_PLACE_H_
