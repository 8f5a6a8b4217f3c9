/**
 * @file
 * Wire formats; see wire.h.
 */
#include "analyzers/content/wire.h"

/** @name Reading */
/**@{*/

/** What is left of a message. Reading past the end is remembered and gives zeros. */
struct reader {
	const uint8_t *pos, *end;
	bool overrun;
};

static struct reader reader_of(struct hc_bytes bytes)
{
	return (struct reader){bytes.data, bytes.data + bytes.size};
}

static size_t left(const struct reader *reader)
{
	return reader->end - reader->pos;
}

/** @return what is passed, or NULL when there is not so much */
static const uint8_t *skip(struct reader *reader, size_t size)
{
	const uint8_t *start = reader->pos;

	if (left(reader) < size) {
		reader->overrun = true;
		reader->pos = reader->end;
		return NULL;
	}
	reader->pos += size;
	return start;
}

/** A big-endian number of up to eight bytes. */
static uint64_t read_big(struct reader *reader, unsigned size)
{
	const uint8_t *bytes = skip(reader, size);
	uint64_t value = 0;

	for (unsigned i = 0; bytes && i < size; i++)
		value = value << 8 | bytes[i];
	return value;
}

/** A base-128 number of at most @p max bytes, the lowest seven bits first. */
static uint64_t read_varint(struct reader *reader, unsigned max)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < max; i++) {
		const uint8_t *byte = skip(reader, 1);

		if (!byte)
			return 0;
		value |= (uint64_t)(*byte & 0x7f) << 7 * i;
		if (!(*byte & 0x80))
			return value;
	}
	reader->overrun = true;
	return 0;
}

/** Whether all bytes are printable ASCII or white space, or part of UTF-8. */
static bool is_printable(const uint8_t *pos, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((pos[i] < 0x20 && pos[i] != '\n' && pos[i] != '\r' && pos[i] != '\t') ||
		    pos[i] == 0x7f)
			return false;
	}
	return true;
}

static bool is_letter(uint8_t byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/** What can be seen of @p size bytes from @p pos on. */
static size_t seen_of(const uint8_t *pos, const uint8_t *end, uint64_t size)
{
	return size < end - pos ? size : end - pos;
}
/**@}*/

/** @name MySQL */
/**@{*/

enum {
	COM_INIT_DB = 2,
	COM_QUERY = 3,
	COM_STMT_PREPARE = 22,
};

/** A command of the client: text to its end. */
static bool is_mysql_command(const uint8_t *payload, size_t seen, uint64_t size, unsigned sequence)
{
	uint8_t command = payload[0];

	if (sequence ||
	    (command != COM_QUERY && command != COM_STMT_PREPARE && command != COM_INIT_DB))
		return false;
	return size >= 6 && is_letter(payload[1]) && is_printable(payload + 1, seen - 1);
}

/** The server's greeting: protocol 10, "8.0.36" with a NUL, then more. */
static bool is_mysql_greeting(const uint8_t *payload, size_t seen, unsigned sequence)
{
	const uint8_t *end = memchr(payload, '\0', seen);

	return !sequence && payload[0] == 10 && end && seen >= 32 && end - payload >= 6 &&
	       is_digit(payload[1]) && memchr(payload, '.', end - payload) &&
	       is_printable(payload + 1, end - payload - 1);
}

/** 0xff, a code, '#', five characters of SQLSTATE, a text. */
static bool is_mysql_error(const uint8_t *payload, size_t seen)
{
	if (seen < 12 || payload[0] != 0xff || payload[3] != '#')
		return false;
	for (unsigned i = 4; i < 9; i++) {
		if (!is_digit(payload[i]) && !(payload[i] >= 'A' && payload[i] <= 'Z'))
			return false;
	}
	return is_printable(payload + 9, seen - 9);
}

bool hc_is_mysql(const struct hc_check_subject *subject)
{
	struct hc_bytes window = subject->window;

	if (window.size < 12)
		return false;
	const uint8_t *payload = window.data + 4;
	uint64_t size = hc_load32(window.data) & 0xffffff;
	size_t seen = seen_of(payload, window.data + window.size, size);
	unsigned sequence = window.data[3];

	if (size < 5 || size + 4 > subject->size)
		return false;
	if (is_mysql_command(payload, seen, size, sequence) ||
	    is_mysql_greeting(payload, seen, sequence) || is_mysql_error(payload, seen))
		return true;
	/* The definition of a column is in the catalog "def"; so every release has it. */
	return sequence && size >= 24 && payload[0] == 3 && memcmp(payload + 1, "def", 3) == 0;
}
/**@}*/

/** @name PostgreSQL */
/**@{*/

/** Whether @p body is a text that a NUL at its very end closes. */
static bool is_one_string(const uint8_t *body, size_t size)
{
	return size >= 2 && !body[size - 1] && is_printable(body, size - 1) &&
	       !memchr(body, '\0', size - 1);
}

/** The first packet of a client: "user\0…". */
static bool is_postgres_startup(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);
	uint64_t size = read_big(&reader, 4);

	return read_big(&reader, 4) == 3 << 16 && size >= 16 && size <= subject->size &&
	       left(&reader) >= 5 && memcmp(reader.pos, "user", 5) == 0;
}

/** Whether the body of a message that is wholly there says that it is one. */
static bool is_postgres_body(uint8_t type, const uint8_t *body, size_t size)
{
	switch (type) {
	case 'Q': /* query */
		return size >= 6 && is_letter(body[0]) && is_one_string(body, size);
	case 'C': /* command complete, or close */
		return size >= 6 && body[0] >= 'A' && body[0] <= 'Z' && is_one_string(body, size);
	case 'E': /* error, or execute */
	case 'N': /* notice */
		return size >= 8 && body[0] == 'S' && !body[size - 1] && !body[size - 2] &&
		       is_letter(body[1]);
	case 'S': /* status of a parameter: name, value */
		return size >= 6 && is_letter(body[0]) && !body[size - 1] &&
		       memchr(body, '\0', size - 1);
	default:
		return false;
	}
}

/** Messages that are whole, one after the other, at most @p max. */
static unsigned count_postgres_messages(struct reader *reader, unsigned max, bool *known_ret)
{
	unsigned num = 0;

	for (; num < max && left(reader) >= 5; num++) {
		uint8_t type = *skip(reader, 1);
		uint64_t size = read_big(reader, 4);

		if (!type || !strchr("BCDEFHPQSXRKZTNn123ptcdGIVA", type) || size < 4)
			break;
		const uint8_t *body = skip(reader, size - 4);

		if (!body)
			break;
		*known_ret |= is_postgres_body(type, body, size - 4);
		if (type == 'Z' && (size != 5 || !strchr("ITE", *body)))
			return 0;
	}
	return num;
}

bool hc_is_postgres(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);
	bool known = false;

	if (subject->window.size < 9)
		return false;
	if (is_postgres_startup(subject))
		return true;
	/* All messages but the largest have a length below 2^24. */
	if (subject->window.data[1])
		return false;
	unsigned num = count_postgres_messages(&reader, 4, &known);

	return num && (known || num >= 3);
}
/**@}*/

/** @name Protocol Buffers */
/**@{*/

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };

/** Step over the value of a field; *text_ret is set when it is a text. */
static void skip_field(struct reader *reader, unsigned type, bool *text_ret)
{
	switch (type) {
	case WIRE_VARINT:
		read_varint(reader, 10);
		break;
	case WIRE_64:
		skip(reader, 8);
		break;
	case WIRE_BYTES: {
		uint64_t size = read_varint(reader, 5);
		const uint8_t *bytes = skip(reader, size);

		*text_ret |= bytes && size >= 4 && is_printable(bytes, size);
		break;
	}
	case WIRE_32:
		skip(reader, 4);
		break;
	default:
		reader->overrun = true;
	}
}

bool hc_is_protobuf(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);
	uint64_t last = 0;
	unsigned fields = 0;
	bool text = false;

	while (left(&reader) && *reader.pos) {
		uint64_t tag = read_varint(&reader, 3);
		uint64_t number = tag >> 3;

		/* Numbers that people give: small, and written in order. */
		if (reader.overrun || number < 1 || number > 1000 || number < last ||
		    (!fields && number > 4))
			return false;
		skip_field(&reader, tag & 7, &text);
		if (reader.overrun)
			return false;
		last = number;
		fields++;
	}
	return fields >= 3 && last >= 2 && text && reader.pos - subject->window.data >= 12;
}
/**@}*/

/** @name MessagePack */
/**@{*/

enum { MSGPACK_MAX_VALUES = 4096 };

/** What follows the head of a value: bytes to step over, and values inside of it. */
struct msgpack_head {
	uint64_t bytes, values;
	bool known, text;
};

/** Heads 0xc0 to 0xdf: a type, then maybe a length of so many bytes. */
static struct msgpack_head read_msgpack_long(struct reader *reader, uint8_t type)
{
	struct msgpack_head head = {.known = true};

	switch (type) {
	case 0xc0:
	case 0xc2:
	case 0xc3:
		break;
	case 0xc4:
	case 0xc5:
	case 0xc6:
		head.bytes = read_big(reader, 1u << (type - 0xc4));
		break;
	case 0xca:
	case 0xcb:
		head.bytes = 4u << (type - 0xca);
		break;
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xcf:
		head.bytes = 1u << (type - 0xcc);
		break;
	case 0xd0:
	case 0xd1:
	case 0xd2:
	case 0xd3:
		head.bytes = 1u << (type - 0xd0);
		break;
	case 0xd9:
	case 0xda:
	case 0xdb:
		head.bytes = read_big(reader, 1u << (type - 0xd9));
		head.text = true;
		break;
	case 0xdc:
	case 0xdd:
		head.values = read_big(reader, 2u << (type - 0xdc));
		break;
	case 0xde:
	case 0xdf:
		head.values = 2 * read_big(reader, 2u << (type - 0xde));
		break;
	default:
		head.known = false; /* extensions are rare, 0xc1 is never used */
	}
	return head;
}

static struct msgpack_head read_msgpack_head(struct reader *reader)
{
	const uint8_t *byte = skip(reader, 1);
	uint8_t type = byte ? *byte : 0xc1;

	if (type < 0x80 || type >= 0xe0)
		return (struct msgpack_head){.known = true};
	if (type < 0x90)
		return (struct msgpack_head){.known = true, .values = 2 * (type & 15)};
	if (type < 0xa0)
		return (struct msgpack_head){.known = true, .values = type & 15};
	if (type < 0xc0)
		return (struct msgpack_head){.known = true, .text = true, .bytes = type & 31};
	return read_msgpack_long(reader, type);
}

/** Step over a value and all that is in it. */
static bool skip_msgpack(struct reader *reader)
{
	uint64_t pending = 1;

	for (unsigned i = 0; pending && i < MSGPACK_MAX_VALUES; i++) {
		struct msgpack_head head = read_msgpack_head(reader);
		const uint8_t *bytes = skip(reader, head.bytes);

		if (!head.known || reader->overrun ||
		    (head.text && !is_printable(bytes, head.bytes)))
			return false;
		pending += head.values - 1;
	}
	return !pending;
}

/** A name as programs give them. */
static bool is_msgpack_key(const uint8_t *name, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!is_letter(name[i]) && !is_digit(name[i]) && !memchr("_-.:@$/", name[i], 7))
			return false;
	}
	return true;
}

bool hc_is_msgpack(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);
	size_t longest = 0;

	if (!left(&reader) || (*reader.pos >> 4 != 8 && *reader.pos != 0xde))
		return false;
	uint64_t pairs = read_msgpack_head(&reader).values / 2;

	if (!pairs || pairs > 1000)
		return false;
	for (uint64_t i = 0; i < pairs; i++) {
		struct msgpack_head key = read_msgpack_head(&reader);
		const uint8_t *name = skip(&reader, key.bytes);

		if (!key.text || !key.bytes || key.bytes > 128 || !name ||
		    !is_msgpack_key(name, key.bytes) || !skip_msgpack(&reader))
			return false;
		if (key.bytes > longest)
			longest = key.bytes;
	}
	return longest >= 4 || (pairs >= 2 && longest >= 2);
}
/**@}*/

bool hc_is_kafka(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);
	uint64_t size = read_big(&reader, 4);
	uint64_t api = read_big(&reader, 2), version = read_big(&reader, 2);

	skip(&reader, 4); /* correlation id: anything */
	uint64_t name_size = read_big(&reader, 2);
	const uint8_t *name = skip(&reader, name_size);

	if (!name || size < 11 || size + 4 > subject->size || api > 80 || version > 18 ||
	    name_size < 2 || name_size > 128 || name_size + 10 > size)
		return false;
	for (size_t i = 0; i < name_size; i++) {
		if (!is_letter(name[i]) && !is_digit(name[i]) && !memchr("-_.#:", name[i], 5))
			return false;
	}
	return is_letter(name[0]);
}

/** @name MQTT */
/**@{*/

static bool is_mqtt_connect(struct reader *reader)
{
	uint64_t size = read_big(reader, 2);
	const uint8_t *name = skip(reader, size);

	if (!name || left(reader) < 1)
		return false;
	if (size == 4)
		return memcmp(name, "MQTT", 4) == 0 && (*reader->pos == 4 || *reader->pos == 5);
	return size == 6 && memcmp(name, "MQIsdp", 6) == 0 && *reader->pos == 3;
}

static bool is_mqtt_topic(const uint8_t *topic, size_t size)
{
	if (size < 3 || !memchr(topic, '/', size))
		return false;
	for (size_t i = 0; i < size; i++) {
		/* Wildcards are for subscribers. */
		if (topic[i] <= ' ' || topic[i] >= 0x7f || topic[i] == '#' || topic[i] == '+')
			return false;
	}
	return true;
}

bool hc_is_mqtt(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);
	const uint8_t *type = skip(&reader, 1);

	if (!type || (*type != 0x10 && *type >> 4 != 3) || (*type >> 4 == 3 && (*type & 6) == 6))
		return false;
	uint64_t size = read_varint(&reader, 4);
	size_t head = reader.pos - subject->window.data;

	if (reader.overrun || size < 8 || size + head > subject->size)
		return false;
	if (*type == 0x10)
		return is_mqtt_connect(&reader);
	uint64_t topic_size = read_big(&reader, 2);
	const uint8_t *topic = skip(&reader, topic_size);

	return topic && topic_size + 2 <= size && is_mqtt_topic(topic, topic_size);
}
/**@}*/

/** @name DNS */
/**@{*/

/**
 * A name of letters, digits, hyphens and underscores, its root included; compression only stands
 * in answers.
 */
static bool skip_dns_name(struct reader *reader)
{
	unsigned labels = 0, letters = 0;

	for (;;) {
		uint64_t size = read_big(reader, 1);

		if (reader->overrun || size > 63)
			return false;
		if (!size)
			return labels && letters;
		const uint8_t *label = skip(reader, size);

		for (size_t i = 0; i < size; i++) {
			if (!label || (!is_letter(label[i]) && !is_digit(label[i]) &&
				       label[i] != '-' && label[i] != '_'))
				return false;
			letters += is_letter(label[i]);
		}
		if (++labels > 127)
			return false;
	}
}

static bool is_dns_message(struct reader reader)
{
	skip(&reader, 2); /* id */
	uint64_t flags = read_big(&reader, 2), questions = read_big(&reader, 2);
	uint64_t answers = read_big(&reader, 2), authorities = read_big(&reader, 2);
	uint64_t additional = read_big(&reader, 2);
	bool response = flags >> 15;

	/* Standard query, the reserved bit clear, no result code that is not assigned. */
	if (reader.overrun || (flags >> 11 & 15) || (flags & 0x40) || (flags & 15) > 5 ||
	    questions != 1 || answers > 100 || authorities > 40 || additional > 60 ||
	    (!response && (answers || authorities)))
		return false;
	if (!skip_dns_name(&reader))
		return false;
	uint64_t type = read_big(&reader, 2);

	return read_big(&reader, 2) == 1 && !reader.overrun && type >= 1 &&
	       (type <= 65 || type >= 249) && type <= 257;
}

bool hc_is_dns(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);

	if (left(&reader) < 17)
		return false;
	if (is_dns_message(reader))
		return true;
	uint64_t size = read_big(&reader, 2);

	return size >= 17 && size + 2 <= subject->size && is_dns_message(reader);
}
/**@}*/

/** @name TLS */
/**@{*/

enum { TLS_CHANGE_CIPHER = 20, TLS_ALERT, TLS_HANDSHAKE, TLS_DATA };
/** Most bytes of a record: 2^14, and what encryption may add. */
#define TLS_MAX_RECORD (16384 + 2048)

/** Message types that are assigned: hello_request … finished, certificate_url …, key_update. */
static bool is_tls_handshake_type(unsigned type)
{
	return type <= 2 || type == 4 || type == 8 || (type >= 11 && type <= 16) ||
	       (type >= 20 && type <= 24);
}

bool hc_is_tls(const struct hc_check_subject *subject)
{
	struct reader reader = reader_of(subject->window);
	uint64_t type = read_big(&reader, 1), version = read_big(&reader, 2);
	uint64_t size = read_big(&reader, 2);

	if (reader.overrun || version < 0x301 || version > 0x303 || !size ||
	    size > TLS_MAX_RECORD || size + 5 > subject->size)
		return false;
	switch (type) {
	case TLS_CHANGE_CIPHER:
		return size == 1 && read_big(&reader, 1) == 1;
	case TLS_ALERT:
		return size == 2 && (*reader.pos == 1 || *reader.pos == 2);
	case TLS_HANDSHAKE: {
		uint64_t message = read_big(&reader, 1), message_size = read_big(&reader, 3);

		return is_tls_handshake_type(message) && message_size + 4 <= size;
	}
	case TLS_DATA:
		return size >= 17; /* at least a tag and a byte */
	default:
		return false;
	}
}
/**@}*/
