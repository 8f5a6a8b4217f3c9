/**
 * @file
 * Streams of the GNU C library as a provider of types: FILE.
 *
 * A stream begins with 32 bits of flags, of which the upper half is the magic number that streams
 * have had since the 1990s (_IO_MAGIC); behind the struct that programs see stands the pointer to
 * the table of functions of its kind (struct _IO_FILE_plus). Since glibc 2.24 all tables are in one
 * section of the library, and a table begins with two words of zeroes. Offsets are those of
 * struct _IO_FILE, which is part of the ABI: 216 bytes where words have 8, and 148 or, where 64-bit
 * integers are aligned to 8 bytes, 152 where they have 4.
 *
 * musl's streams have no magic number.
 */
#include "analyzers/types/provider.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

#define STREAM_MAGIC 0xfbad0000
#define STREAM_MAGIC_MASK 0xffff0000

/** Words in front of the descriptor: flags, 11 pointers into buffers, markers, the next stream. */
#define WORDS_TO_CHAIN 13
#define WORDS_TO_FD 14

/** Functions of a table, behind its two words of zeroes, that have to be there. */
#define NUM_CHECKED 8

/**
 * Most bytes of a chunk with a stream and the library's own behind it: the lock, wide characters, a
 * cookie.
 */
#define MAX_SIZE 1024
#define SIZE_STEP 8

/** Of a size that has more chunks than this, some in a sample must be streams for any to be. */
#define MANY_CHUNKS (1 << 14)

/** Most streams that a list of open ones is followed for. */
#define MAX_STREAMS (1 << 20)

/** Where the tables of functions are looked for. */
struct streams {
	const struct hc_type_scope *scope;
	uint64_t table_offsets[2]; /**< bytes; 0: there is no other one */
	/** By chunk size: whether there can be streams. So most chunks need no look. */
	bool sizes[MAX_SIZE / SIZE_STEP];
};

/** Whether an address is that of a table: no function before the first, all of them code. */
static bool is_table(const struct hc_process *process, uint64_t table)
{
	const struct hc_memory *memory = &process->memory;
	unsigned word = memory->word_size;

	if (table % word || !hc_modules_find(&process->modules, table))
		return false;
	for (unsigned i = 0; i < 2 + NUM_CHECKED; i++) {
		uint64_t value;

		if (!hc_memory_word(memory, table + i * word, &value))
			return false;
		if (i < 2 ? value != 0 : !hc_mappings_is_code(&process->mappings, value))
			return false;
	}
	return true;
}

static bool is_stream(const struct streams *streams, const struct hc_type_subject *subject)
{
	const struct hc_type_scope *scope = streams->scope;

	if (subject->bytes.size < streams->table_offsets[0] + scope->heap->word_size ||
	    (hc_read32(subject->bytes.data, scope->heap->big_endian) & STREAM_MAGIC_MASK) !=
		    STREAM_MAGIC)
		return false;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t offset = streams->table_offsets[i];

		if (offset && is_table(scope->process, hc_subject_word(scope, subject, offset)))
			return true;
	}
	return false;
}

/** Whether chunks of a size may be streams. */
static bool may_be(const struct streams *streams, const struct hc_sampled_size *size)
{
	const struct hc_heap *heap = streams->scope->heap;

	if (size->total <= MANY_CHUNKS)
		return true;
	for (size_t i = 0; i < size->num; i++) {
		struct hc_chunk chunk;

		if (!hc_heap_chunk_at(heap, size->addresses[i], &chunk))
			continue;
		struct hc_type_subject subject = {&chunk, hc_chunk_bytes(heap, &chunk)};
		if (is_stream(streams, &subject))
			return true;
	}
	return false;
}

static struct hc_error *find(struct hc_type_scope *scope, void **own_ret)
{
	bool wide = scope->heap->word_size == 8;
	struct hc_error *err = hc_type_scope_sample(scope);
	struct streams *streams = err ? NULL : calloc(1, sizeof(*streams));

	if (!streams)
		return err ? err : &hc_enomem;
	streams->scope = scope;
	streams->table_offsets[0] = wide ? 216 : 148;
	streams->table_offsets[1] = wide ? 0 : 152;
	for (size_t i = 0; i < scope->sample.num; i++) {
		const struct hc_sampled_size *size = &scope->sample.sizes[i];

		if (size->size < MAX_SIZE && size->size > streams->table_offsets[0] &&
		    may_be(streams, size))
			streams->sizes[size->size / SIZE_STEP] = true;
	}
	*own_ret = streams;
	return NULL;
}

static size_t num(const void *own)
{
	(void)own;
	return 1;
}

static bool find_type(const void *own, const struct hc_type_subject *subject,
		      struct hc_type_hit *hit)
{
	const struct streams *streams = own;
	uint64_t size = subject->chunk->size;

	if (size >= MAX_SIZE || !streams->sizes[size / SIZE_STEP] || !is_stream(streams, subject))
		return false;
	hit->index = 0;
	return true;
}

static char *name(const void *own, struct hc_type_scope *scope, size_t index)
{
	(void)own;
	(void)scope;
	(void)index;
	return strdup("FILE");
}

/* --- The list of open streams --- */

/** The variable that has the list's first stream. */
static struct hc_error *take_list(void *ctx, const struct hc_symbol *symbol)
{
	uint64_t *list = ctx;

	if (!strcmp(symbol->name, "_IO_list_all") && !symbol->is_local)
		*list = symbol->address;
	return NULL;
}

/** Whether the list leads to a stream. @return NULL where nobody can tell */
static const char *describe_list(const struct hc_type_scope *scope, uint64_t stream)
{
	const struct hc_memory *memory = &scope->process->memory;
	unsigned word = memory->word_size;
	uint64_t at = 0;
	hc_cleanup_error struct hc_error *err =
		hc_modules_each_symbol(&scope->process->modules, "_IO_list_all", take_list, &at);

	if (err || !at || !hc_memory_word(memory, at, &at))
		return NULL;
	for (unsigned i = 0; at && at != stream; i++) {
		if (i == MAX_STREAMS || !hc_memory_word(memory, at + WORDS_TO_CHAIN * word, &at))
			return NULL;
	}
	return at ? "in the list of open streams" : "not in the list of open streams";
}

static char *remark(const void *own, struct hc_type_scope *scope,
		    const struct hc_type_subject *subject)
{
	uint64_t offset = WORDS_TO_FD * scope->heap->word_size;
	const char *list = describe_list(scope, subject->chunk->address);
	const char *between = list ? ", " : "";

	(void)own;
	if (subject->bytes.size < offset + 4)
		return NULL;
	int32_t fd = hc_read32(subject->bytes.data + offset, scope->heap->big_endian);
	list = list ? list : "";
	return fd < 0 ? hc_format("no descriptor%s%s", between, list)
		      : hc_format("fd %d%s%s", (int)fd, between, list);
}

const struct hc_type_provider hc_types_stream = {
	.find = find,
	.destroy = free,
	.num = num,
	.find_type = find_type,
	.name = name,
	.known_by = HC_TYPE_MAGIC,
	.remark = remark,
	.forms = 1 << HC_FORM_ONE,
};
