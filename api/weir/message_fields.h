/* What a message is made of: the keys of weir_field, and how each is laid out.
 * C11 and C++20, libc only. The same table, for people, is
 * docs/message_fields.md; weir/bgp.h reads it with types.
 *
 * Append-only: a key keeps its number and its layout for ever.
 *
 * A scalar (UINT, INT) lies in the field itself: its low half in `off`, its
 * high half in `len`. Everything else lies in the message's data: `off` bytes
 * after weir_msg.base begin `len` bytes, which hold `count` elements. Arrays
 * are aligned for their element. Numbers are in the machine's byte order;
 * addresses are in network order.
 *
 * A field that the source did not send is absent, and so is an empty array.
 */
#ifndef WEIR_MESSAGE_FIELDS_H_
#define WEIR_MESSAGE_FIELDS_H_

#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): these are C's names. */

enum {                          /* weir_field.kind */
       WEIR_KIND_UINT = 1,      /* uint64_t, in the field itself */
       WEIR_KIND_INT = 2,       /* int64_t, in the field itself */
       WEIR_KIND_STRING = 3,    /* UTF-8, not NUL-terminated; count = 1 */
       WEIR_KIND_BYTES = 4,     /* count = 1 */
       WEIR_KIND_U32_ARRAY = 5, /* uint32_t[count] */
       WEIR_KIND_ADDRESS = 6,   /* weir_address[count] */
       WEIR_KIND_PREFIX = 7,    /* weir_prefix[count] */
       WEIR_KIND_RANGE = 8,     /* weir_range[count] */
       WEIR_KIND_NEXT_HOP = 9,  /* weir_next_hop[count] */
       WEIR_KIND_STRINGS = 10   /* uint32_t end[count], then UTF-8: string i
                                   is [end[i - 1], end[i]), and the first is
                                   [0, end[0]), counted from behind `end` */
};

enum { /* weir_field.key. 1-31: BGP as RIS Live tells it. */
       WEIR_FIELD_BGP_PEER = 1,      /* ADDRESS: the collector's neighbour */
       WEIR_FIELD_BGP_PEER_ASN = 2,  /* UINT, 0-4294967295 */
       WEIR_FIELD_BGP_COLLECTOR = 3, /* STRING, "rrc01.ripe.net" */
       WEIR_FIELD_BGP_ID = 4,        /* STRING, the source's own message ID */
       WEIR_FIELD_BGP_PATH = 5,      /* U32_ARRAY: AS numbers as sent, prepends
                                        kept, members of AS_SETs among them */
       WEIR_FIELD_BGP_PATH_SETS = 6, /* RANGE: which of PATH are AS_SETs */
       WEIR_FIELD_BGP_COMMUNITIES = 7, /* U32_ARRAY: asn << 16 | value */
       WEIR_FIELD_BGP_ORIGIN = 8,      /* UINT: 0 IGP, 1 EGP, 2 INCOMPLETE */
       WEIR_FIELD_BGP_MED = 9,         /* UINT, 0-4294967295 */
       WEIR_FIELD_BGP_AGGREGATOR_ASN = 10, /* UINT */
       WEIR_FIELD_BGP_AGGREGATOR = 11,     /* ADDRESS, IPv4 */
       WEIR_FIELD_BGP_ANNOUNCED = 12,      /* PREFIX; each names its next hop */
       WEIR_FIELD_BGP_WITHDRAWN = 13, /* PREFIX; next_hop is WEIR_NO_NEXT_HOP */
       WEIR_FIELD_BGP_NEXT_HOPS = 14, /* NEXT_HOP */
       WEIR_FIELD_BGP_RAW = 15,   /* STRING: the BGP message, upper-case hex */
       WEIR_FIELD_BGP_STATE = 16, /* STRING: "connected", "up", "down" */
       WEIR_FIELD_BGP_DIRECTION = 17,    /* STRING: "sent", "received" (OPEN) */
       WEIR_FIELD_BGP_VERSION = 18,      /* UINT (OPEN) */
       WEIR_FIELD_BGP_ASN = 19,          /* UINT (OPEN); 23456 is possible */
       WEIR_FIELD_BGP_HOLD_TIME = 20,    /* UINT, seconds (OPEN) */
       WEIR_FIELD_BGP_ROUTER_ID = 21,    /* STRING (OPEN) */
       WEIR_FIELD_BGP_CAPABILITIES = 22, /* STRING: JSON, free-form (OPEN) */
       WEIR_FIELD_BGP_NOTIFY_CODE = 23,  /* UINT (NOTIFICATION) */
       WEIR_FIELD_BGP_NOTIFY_SUBCODE = 24, /* UINT (NOTIFICATION) */
       WEIR_FIELD_BGP_NOTIFY_DATA = 25,    /* BYTES (NOTIFICATION) */

       /* 32-63: messages between nodes of steward and ctrl. */
       WEIR_FIELD_STEWARD_PROFILE = 32,   /* STRING: the sender's release as its
                                             layout tells it, "S1" */
       WEIR_FIELD_STEWARD_TO_NODE = 33,   /* STRING */
       WEIR_FIELD_STEWARD_FROM_NODE = 34, /* STRING: what the sender says */
       WEIR_FIELD_STEWARD_ID = 35,        /* INT: the sender's; not unique */
       WEIR_FIELD_STEWARD_DATA = 36,      /* BYTES; S0's texts in a row */
       WEIR_FIELD_STEWARD_ARGS = 37,      /* STRINGS: of the method */
       WEIR_FIELD_STEWARD_SIGNATURE = 38, /* BYTES: ed25519, of ARGS */
       WEIR_FIELD_STEWARD_REPLY_METHOD = 39, /* STRING */
       WEIR_FIELD_STEWARD_REPLY_ARGS = 40,   /* STRINGS */
       WEIR_FIELD_STEWARD_IS_REPLY = 41,     /* UINT, 1 */
       WEIR_FIELD_STEWARD_TIMEOUT = 42,      /* INT: seconds that the method may
                                                take; -1 without end */
       WEIR_FIELD_STEWARD_INTERVAL = 43,     /* INT: do it every ... seconds */
       WEIR_FIELD_STEWARD_TOTAL_TIME = 44,   /* INT: for ... seconds in all */
       WEIR_FIELD_STEWARD_DIRECTORY = 45,    /* STRING */
       WEIR_FIELD_STEWARD_FILE_NAME = 46,    /* STRING */
       WEIR_FIELD_STEWARD_USE_SHELL = 47,    /* UINT, 1 */
       WEIR_FIELD_STEWARD_INSTRUCTIONS = 48, /* STRINGS (C4) */
       WEIR_FIELD_STEWARD_REQUEST_ID = 49,   /* INT: of a reply, the ID of what
                                                it answers, ... */
       WEIR_FIELD_STEWARD_REQUEST_TO_NODE = 50,   /* STRING: ... and so on */
       WEIR_FIELD_STEWARD_REQUEST_METHOD = 51,    /* STRING */
       WEIR_FIELD_STEWARD_REQUEST_ARGS = 52,      /* STRINGS */
       WEIR_FIELD_STEWARD_REQUEST_DIRECTORY = 53, /* STRING */
       WEIR_FIELD_STEWARD_REQUEST_FILE_NAME = 54, /* STRING */
       WEIR_FIELD_STEWARD_METHOD = 55 /* STRING: whole, "subCopySrc.ID"; the
                                         type is what is before the dot */
};

/* family is 4 or 6. An IPv4 address is the first 4 bytes, the rest are 0. */
typedef struct weir_address {
  uint8_t family;
  uint8_t reserved[3];
  uint8_t bytes[16];
} weir_address;

/* A CIDR block in canonical form: the bits after `length` are 0, so that equal
 * blocks are equal bytes. */
typedef struct weir_prefix {
  uint8_t family;    /* 4 or 6 */
  uint8_t length;    /* 0-32 or 0-128 */
  uint16_t next_hop; /* index into NEXT_HOPS, or WEIR_NO_NEXT_HOP */
  uint8_t bytes[16];
} weir_prefix;
#define WEIR_NO_NEXT_HOP 0xffffu

/* [begin, end) of another array. */
typedef struct weir_range {
  uint16_t begin, end;
} weir_range;

/* family is that of `bytes`: 4 or 6. With link_local_set, link_local is the
 * IPv6 link-local address that came beside it. */
typedef struct weir_next_hop {
  uint8_t family;
  uint8_t link_local_set;
  uint8_t reserved[2];
  uint8_t bytes[16];
  uint8_t link_local[16];
} weir_next_hop;

#ifdef __cplusplus
#define WEIR_ASSERT_FIELD_LAYOUT(...) \
  static_assert(__VA_ARGS__, "the message layout is frozen")
#else
#define WEIR_ASSERT_FIELD_LAYOUT(...) \
  _Static_assert(__VA_ARGS__, "the message layout is frozen")
#endif
WEIR_ASSERT_FIELD_LAYOUT(sizeof(weir_address) == 20);
WEIR_ASSERT_FIELD_LAYOUT(sizeof(weir_prefix) == 20);
WEIR_ASSERT_FIELD_LAYOUT(sizeof(weir_range) == 4);
WEIR_ASSERT_FIELD_LAYOUT(sizeof(weir_next_hop) == 36);

/* NOLINTEND(readability-identifier-naming) */

#endif /* WEIR_MESSAGE_FIELDS_H_ */
