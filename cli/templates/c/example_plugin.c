/* A handler plugin for weir: tells of every thousandth update that it sees.
 *
 * weir/plugin_abi.h is the whole contract. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/plugin_abi.h"

#define EVERY 1000

/* What it may emit. The host refuses, and counts, anything else. */
#define SEEN "updates.seen"
static const weir_str kEventTypes[] = {{SEEN, sizeof(SEEN) - 1}};

typedef struct ExamplePluginState {
  const weir_host* host;
  const weir_ext_emit* emit;   /* null if the host does not have it */
  const weir_ext_names* names; /* the same */
  uint64_t seen;
} ExamplePluginState;

static weir_status Create(const weir_host* host, weir_str config_json,
                          void** self, weir_err* err) {
  (void)config_json; /* `config` of the plugin's .yaml */
  ExamplePluginState* state = calloc(1, sizeof(*state));
  if (state == NULL) {
    /* What the operator reads. */
    if (err != NULL && err->cap > 0) {
      snprintf(err->text, err->cap, "no memory for its state");
      err->len = strlen(err->text);
    }
    return WEIR_ERR;
  }
  state->host = host;
  state->emit = host->get_ext(host->ctx, WEIR_EXT_EMIT);
  state->names = host->get_ext(host->ctx, WEIR_EXT_NAMES);
  *self = state;
  return WEIR_OK;
}

static void Destroy(void* self) { free(self); }

/* How many messages may wait for it. Asked once. */
static int64_t QueueCapacity(void* self) {
  (void)self;
  return 1024;
}

/* Whether it wants messages of this type. Asked once for each. */
static int32_t WantsMessage(void* self, weir_str type) {
  (void)self;
  return type.len == 6 && memcmp(type.data, "UPDATE", 6) == 0;
}

/* One message after the other, all on one thread. A message is gone when this
 * returns: copy what you keep. */
static weir_status HandleMessage(void* self, const weir_msg* message) {
  ExamplePluginState* state = self;
  if (++state->seen % EVERY != 0 || state->emit == NULL) return WEIR_OK;

  char json[64];
  const int length =
      snprintf(json, sizeof(json), "{\"text\":\"seen %" PRIu64 " updates\"}",
               state->seen);
  weir_event event = {.struct_size = sizeof(event),
                      .kind = kEventTypes[0],
                      .json = {json, (uint64_t)length}};
  if (state->names != NULL) {
    event.subject = state->names->source(state->host->ctx, message->source_id);
  }
  /* One that the host does not take is no error of the message. */
  state->emit->emit(state->host->ctx, &event);
  return WEIR_OK;
}

/* What configuration it takes, as a JSON Schema: none, so far. The host refuses
 * any other before it makes an instance, and asks for this without one. */
#define SCHEMA "{\"type\": \"object\", \"additionalProperties\": false}"

static const void* GetExt(void* self, const char* id) {
  static const weir_ext_describe kDescribe = {
      sizeof(kDescribe), sizeof(kEventTypes) / sizeof(kEventTypes[0]),
      kEventTypes};
  static const weir_ext_config kConfig = {
      .struct_size = sizeof(kConfig), .schema = {SCHEMA, sizeof(SCHEMA) - 1}};
  (void)self;
  if (strcmp(id, WEIR_EXT_DESCRIBE) == 0) return &kDescribe;
  return strcmp(id, WEIR_EXT_CONFIG) == 0 ? &kConfig : NULL;
}

/* What the host reads before it runs any of this. */
__attribute__((section(".note.weir"), used, aligned(4)))
const weir_note weir_plugin_note = {.namesz = 5,
                                    .descsz = sizeof(weir_note) - 20,
                                    .ntype = 1,
                                    .owner = "WEIR",
                                    .size = sizeof(weir_note) - 20,
                                    .abi_major = WEIR_ABI_MAJOR,
                                    .abi_minor = WEIR_ABI_MINOR,
                                    .sdk_version = 10000,
                                    .name = "example-plugin",
                                    .version = "0.1.0",
                                    .toolchain = "C"};

const weir_plugin* weir_plugin_entry_v1(uint32_t host_major,
                                        uint32_t host_minor) {
  static const weir_plugin kTable = {
      sizeof(kTable), WEIR_ABI_MAJOR, WEIR_ABI_MINOR, Create, Destroy,
      QueueCapacity,  WantsMessage,   HandleMessage,  GetExt};
  (void)host_minor;
  return host_major == WEIR_ABI_MAJOR ? &kTable : NULL;
}
