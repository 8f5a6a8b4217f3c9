/**
 * @file
 * Stacks as a profile of pprof: the message Profile of its profile.proto, as gzip.
 *
 * A protocol buffer is a run of fields: a number with the wire type in its lowest three bits, then
 * a varint (type 0), or a size and as many bytes (type 2): a text, a message, or varints in a row.
 * A varint has seven bits in a byte, the lowest first; all but the last byte have the eighth bit
 * set.
 *
 * Every name is a function, and a location of the same number. A stack of pprof begins with the
 * innermost frame. Values are objects (count) and space (bytes).
 */
#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/render/render.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"

/** Fields of the messages. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING = 6,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14,
	VALUE_TYPE_TYPE = 1,
	VALUE_TYPE_UNIT = 2,
	SAMPLE_LOCATION = 1,
	SAMPLE_VALUE = 2,
	LOCATION_ID = 1,
	LOCATION_LINE = 4,
	LINE_FUNCTION = 1,
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
};

/** Texts that every profile has; that of a frame comes behind them. */
static const char *const strings[] = {"", "objects", "count", "space", "bytes"};

enum { EMPTY, OBJECTS, COUNT, SPACE, BYTES, NUM_STRINGS };

/** @name Protocol buffers */
/**@{*/

/** Bytes of a message, which grow. */
struct message {
	uint8_t *data;
	size_t size, capacity;
	bool no_memory;
};

static void message_deinit(struct message *message)
{
	free(message->data);
}

static void put_byte(struct message *message, uint8_t byte)
{
	if (message->no_memory)
		return;
	if (hc_array_regrow(&message->data, message->size, &message->capacity, 1))
		message->no_memory = true;
	else
		message->data[message->size++] = byte;
}

static void put_varint(struct message *message, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(message, value | 0x80);
	put_byte(message, value);
}

static void put_number(struct message *message, unsigned field, uint64_t value)
{
	put_varint(message, field << 3);
	put_varint(message, value);
}

static void put_bytes(struct message *message, unsigned field, const void *data, size_t size)
{
	put_varint(message, field << 3 | 2);
	put_varint(message, size);
	for (size_t i = 0; i < size; i++)
		put_byte(message, ((const uint8_t *)data)[i]);
}

/** Put a message into another one, and empty it. */
static void put_message(struct message *message, unsigned field, struct message *part)
{
	put_bytes(message, field, part->data, part->size);
	message->no_memory |= part->no_memory;
	part->size = 0;
}
/**@}*/

/** @name Profile */
/**@{*/

struct profile {
	const struct hc_stacks *stacks;
	struct message all, part, inner;
	char **names; /* of functions, which are counted from 1 */
	size_t num_names;
	struct hc_hash hash;
	uint32_t *function; /* of each frame of the stacks */
	uint32_t *stack;    /* room for one */
};

static void profile_deinit(struct profile *profile)
{
	for (size_t i = 0; i < profile->num_names; i++)
		free(profile->names[i]);
	free(profile->names);
	hc_hash_deinit(&profile->hash);
	free(profile->function);
	free(profile->stack);
	message_deinit(&profile->all);
	message_deinit(&profile->part);
	message_deinit(&profile->inner);
}

static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0;

	for (; *name; name++)
		hash = hc_hash_mix(hash + (uint8_t)*name);
	return hash;
}

/** @param name becomes the profile's, or is freed */
static struct hc_error *find_function(struct profile *profile, char *name, uint32_t *ret)
{
	struct hc_error *err = hc_hash_reserve(&profile->hash, profile->num_names, i,
					       hash_name(profile->names[i]));

	if (!err)
		err = hc_array_reserve(&profile->names, profile->num_names,
				       sizeof(*profile->names));
	if (err) {
		free(name);
		return err;
	}
	uint32_t *slot =
		hc_hash_find(&profile->hash, hash_name(name), i, !strcmp(profile->names[i], name));

	if (*slot) {
		free(name);
	} else {
		profile->names[profile->num_names++] = name;
		*slot = profile->num_names;
	}
	*ret = *slot;
	return NULL;
}

static struct hc_error *find_functions(struct profile *profile, const struct hc_look *look)
{
	const struct hc_stacks *stacks = profile->stacks;
	struct hc_error *err = NULL;

	profile->function = calloc(stacks->num + 1, sizeof(*profile->function));
	profile->stack = calloc(stacks->num + 1, sizeof(*profile->stack));
	if (!profile->function || !profile->stack)
		return &hc_enomem;
	for (size_t i = 0; !err && i < stacks->num; i++) {
		char *name = hc_stack_name(stacks, i, look);

		err = name ? find_function(profile, name, &profile->function[i]) : &hc_enomem;
	}
	return err;
}

static void put_sample_type(struct profile *profile, unsigned type, unsigned unit)
{
	put_number(&profile->part, VALUE_TYPE_TYPE, type);
	put_number(&profile->part, VALUE_TYPE_UNIT, unit);
	put_message(&profile->all, PROFILE_SAMPLE_TYPE, &profile->part);
}

static void put_sample(struct profile *profile, size_t frame)
{
	const struct hc_stack_value *own = &profile->stacks->items[frame].own;

	for (size_t i = hc_stack_of(profile->stacks, frame, profile->stack); i-- > 0;)
		put_varint(&profile->inner, profile->function[profile->stack[i]]);
	put_message(&profile->part, SAMPLE_LOCATION, &profile->inner);
	put_varint(&profile->inner, own->chunks);
	put_varint(&profile->inner, own->bytes);
	put_message(&profile->part, SAMPLE_VALUE, &profile->inner);
	put_message(&profile->all, PROFILE_SAMPLE, &profile->part);
}

static void put_function(struct profile *profile, size_t id)
{
	size_t name = NUM_STRINGS + id - 1;

	put_number(&profile->inner, LINE_FUNCTION, id);
	put_number(&profile->part, LOCATION_ID, id);
	put_message(&profile->part, LOCATION_LINE, &profile->inner);
	put_message(&profile->all, PROFILE_LOCATION, &profile->part);
	put_number(&profile->part, FUNCTION_ID, id);
	put_number(&profile->part, FUNCTION_NAME, name);
	put_number(&profile->part, FUNCTION_SYSTEM_NAME, name);
	put_message(&profile->all, PROFILE_FUNCTION, &profile->part);
}

static void put_profile(struct profile *profile)
{
	put_sample_type(profile, OBJECTS, COUNT);
	put_sample_type(profile, SPACE, BYTES);
	for (size_t i = 0; i < profile->stacks->num; i++)
		if (profile->stacks->items[i].own.chunks || profile->stacks->items[i].own.bytes)
			put_sample(profile, i);
	for (size_t i = 0; i < profile->num_names; i++)
		put_function(profile, i + 1);
	for (size_t i = 0; i < NUM_STRINGS; i++)
		put_bytes(&profile->all, PROFILE_STRING, strings[i], strlen(strings[i]));
	for (size_t i = 0; i < profile->num_names; i++)
		put_bytes(&profile->all, PROFILE_STRING, profile->names[i],
			  strlen(profile->names[i]));
	put_number(&profile->all, PROFILE_DEFAULT_SAMPLE_TYPE, SPACE);
}
/**@}*/

/** @name gzip */
/**@{*/

static la_ssize_t write_packed(struct archive *archive, void *ctx, const void *data, size_t size)
{
	(void)archive;
	/* What goes wrong shows in the stream, and is told when the output is closed. */
	fwrite(data, 1, size, ctx);
	return (la_ssize_t)size;
}

static bool pack(struct archive *archive, struct archive_entry *entry, const struct message *all,
		 FILE *file)
{
	archive_entry_set_filetype(entry, AE_IFREG);
	/* Without the time: the same core gives the same bytes. */
	return archive_write_add_filter_gzip(archive) == ARCHIVE_OK &&
	       archive_write_set_filter_option(archive, "gzip", "timestamp", NULL) == ARCHIVE_OK &&
	       archive_write_set_format_raw(archive) == ARCHIVE_OK &&
	       archive_write_set_bytes_in_last_block(archive, 1) == ARCHIVE_OK &&
	       archive_write_open(archive, file, NULL, write_packed, NULL) == ARCHIVE_OK &&
	       archive_write_header(archive, entry) == ARCHIVE_OK &&
	       archive_write_data(archive, all->data, all->size) == (la_ssize_t)all->size &&
	       archive_write_close(archive) == ARCHIVE_OK;
}

static struct hc_error *write_gzip(const struct message *all, FILE *file)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	bool done = archive && entry && pack(archive, entry, all, file);

	archive_entry_free(entry);
	archive_write_free(archive);
	return done ? NULL : hc_error_create(HC_ERROR_OS, "cannot compress the profile");
}
/**@}*/

static struct hc_error *write_document(const struct hc_document *doc, const struct hc_view *view)
{
	hc_cleanup(profile_deinit) struct profile profile = {.stacks = &doc->stacks};

	if (view->out->terminal)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--format pprof is binary and nothing for a terminal: "
				       "--output FILE, or a pipe");
	struct hc_error *err = find_functions(&profile, &view->look);

	if (err)
		return err;
	put_profile(&profile);
	return profile.all.no_memory ? &hc_enomem : write_gzip(&profile.all, view->out->file);
}

const struct hc_renderer hc_pprof_renderer = {
	.medium = HC_MEDIUM_JSON,
	.document = write_document,
	.rows_begin = hc_stacks_rows_begin,
	.row = hc_stacks_row,
	.rows_end = hc_stacks_rows_end,
};
