/**
 * @file
 * Messages as they go over a wire: whether a chunk begins with one.
 *
 * A header of a few bytes looks like many other things, so each check follows the lengths and wants
 * the parts to fit: a message that goes beyond the chunk is none, and one that the window cuts is
 * judged by what can be seen. What comes behind the message is the slack of a buffer and says
 * nothing.
 *
 * Sources: MySQL internals manual, "Client/Server Protocol"; PostgreSQL documentation, "Message
 * Formats"; Protocol Buffers, "Encoding"; the MessagePack specification; Kafka protocol guide,
 * "Request Header"; MQTT 3.1.1 and 5.0 (OASIS); RFC 1035 (DNS); RFC 8446 (TLS).
 */
#ifndef HC_ANALYZERS_CONTENT_WIRE_H
#define HC_ANALYZERS_CONTENT_WIRE_H

#include "analyzers/content/checks.h"

/**
 * A packet of the client/server protocol: a query, a handshake, an error, OK, or the definition of
 * a column.
 */
bool hc_is_mysql(const struct hc_check_subject *subject);

/** Messages of protocol 3.0, back to back: one whose parts are known, or two of any type. */
bool hc_is_postgres(const struct hc_check_subject *subject);

/**
 * Fields in ascending order, at least three and 12 bytes, one of which is a text of four or more;
 * then the end of the chunk or a zero byte, which no field begins with.
 */
bool hc_is_protobuf(const struct hc_check_subject *subject);

/** A map whose keys are names: two or more pairs, or one whose key has four or more characters. */
bool hc_is_msgpack(const struct hc_check_subject *subject);

/** A request: its size, a known API key and version, and the client's name. */
bool hc_is_kafka(const struct hc_check_subject *subject);

/** CONNECT, or PUBLISH to a topic with a level ('/'). */
bool hc_is_mqtt(const struct hc_check_subject *subject);

/**
 * One question of the class IN whose name is well-formed, at the start or behind TCP's two bytes
 * of length.
 */
bool hc_is_dns(const struct hc_check_subject *subject);

/** A record whose length fits; of a handshake, the message too. */
bool hc_is_tls(const struct hc_check_subject *subject);

#endif
