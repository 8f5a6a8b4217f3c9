/**
 * @file
 * Finding what an address on the command line means; see address.h.
 */
#include "cmd/show/address.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/types/demangle.h"
#include "cmd/select_options.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** A word, taken apart. */
struct parts {
	bool follow;     /**< * before it */
	char *name;      /**< of a variable, or an address */
	uint64_t offset; /**< +N behind it */
};

static void parts_deinit(struct parts *parts)
{
	free(parts->name);
}

/** "+16", "+0x10" at the end of a word: a number, not the name of operator+. */
static bool take_offset(char *name, uint64_t *ret)
{
	char *plus = strrchr(name, '+'), *end;

	if (!plus || plus == name || !isdigit((unsigned char)plus[1]))
		return false;
	errno = 0;
	*ret = strtoull(plus + 1, &end, 0);
	if (errno || *end)
		return false;
	*plus = '\0';
	return true;
}

static struct hc_error *take_apart(const char *text, struct parts *ret)
{
	struct parts parts = {.follow = text[0] == '*'};

	parts.name = strdup(text + parts.follow);
	if (!parts.name)
		return &hc_enomem;
	take_offset(parts.name, &parts.offset);
	*ret = parts;
	return NULL;
}

/** One meaning of a word. @param size of the variable */
static struct hc_error *append(const struct hc_session *session, const char *text,
			       const struct parts *parts, struct hc_named_address found,
			       struct hc_address_list *list)
{
	struct hc_error *err;

	if (list->num == HC_MAX_ADDRESSES)
		return hc_error_create(HC_ERROR_ARGUMENT, "ADDRESS: more than %u at a time",
				       HC_MAX_ADDRESSES);
	if (parts->follow) {
		found.size = 1;
		if (!hc_memory_word(&session->target->process->memory, found.address,
				    &found.address))
			return hc_error_create(HC_ERROR_ARGUMENT,
					       "ADDRESS: '%.100s': the core does not hold what is "
					       "at %s",
					       text, parts->name);
	}
	if (parts->offset)
		found.size = 1;
	found.address += parts->offset;
	if ((err = hc_array_reserve(&list->items, list->num, sizeof(*list->items))))
		return err;
	found.asked = strdup(text);
	if (!found.asked)
		return &hc_enomem;
	list->items[list->num++] = found;
	return NULL;
}

/** Whether a name is the same; tags of the ABI, as in sessions[abi:cxx11], may be left out of it.
 */
static bool same_name(const char *symbol, const char *name)
{
	static const char tag[] = "[abi:";

	while (*symbol) {
		if (*symbol == *name) {
			symbol++;
			name++;
			continue;
		}
		const char *end = strncmp(symbol, tag, strlen(tag)) ? NULL : strchr(symbol, ']');

		if (!end)
			return false;
		symbol = end + 1;
	}
	return !*name;
}

/** Whether a symbol is what a name means. */
static bool is_called(const char *symbol, const char *name)
{
	size_t size = strlen(name);

	if (!strncmp(symbol, name, size)) {
		const char *rest = symbol + size;

		/* cache.0: a static variable of a function. */
		if (!*rest ||
		    (*rest == '.' && rest[1] && strspn(rest + 1, "0123456789") == strlen(rest + 1)))
			return true;
	}
	if (strncmp(symbol, "_Z", 2))
		return false;
	hc_cleanup_free char *short_name = hc_demangle_symbol(symbol, false);
	hc_cleanup_free char *full_name = hc_demangle_symbol(symbol, true);

	return (short_name && same_name(short_name, name)) ||
	       (full_name && same_name(full_name, name));
}

/** A thread-local variable has a place in every thread. */
static struct hc_error *append_locals(const struct hc_session *session, const char *text,
				      const struct parts *parts, const struct hc_symbol *symbol,
				      struct hc_address_list *list)
{
	const struct hc_process *process = session->target->process;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < process->threads.num; i++) {
		uint64_t start = hc_thread_locals(process, &process->threads.items[i]);

		if (start)
			err = append(session, text, parts,
				     (struct hc_named_address){NULL, start + symbol->address,
							       symbol->size},
				     list);
	}
	return err;
}

static struct hc_error *find_symbols(const struct hc_session *session,
				     const struct hc_symbols *symbols, const char *text,
				     const struct parts *parts, struct hc_address_list *list)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < symbols->num; i++) {
		const struct hc_symbol *symbol = &symbols->items[i];

		if (is_called(symbol->name, parts->name))
			err = append(session, text, parts,
				     (struct hc_named_address){NULL, symbol->address, symbol->size},
				     list);
	}
	for (size_t i = 0; !err && i < symbols->num_locals; i++)
		if (is_called(symbols->locals[i].name, parts->name))
			err = append_locals(session, text, parts, &symbols->locals[i], list);
	return err;
}

static struct hc_error *find_one(const struct hc_session *session, struct hc_spots *spots,
				 const char *text, struct hc_address_list *list)
{
	hc_cleanup(parts_deinit) struct parts parts = {0};
	struct hc_named_address found = {.size = 1};
	size_t before = list->num;
	struct hc_error *err = take_apart(text, &parts);

	/* cafe, dead, face: a name of the program's before a number. */
	if (!err && strncmp(parts.name, "0x", 2))
		err = find_symbols(session, &spots->symbols, text, &parts, list);
	if (err || list->num > before)
		return err;
	err = hc_parse_address("ADDRESS", parts.name, &found.address);
	if (err) {
		hc_error_destroy(err);
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "ADDRESS: '%.100s' is no address and no variable; it takes "
				       "hexadecimal digits, NAME, NAME+OFFSET or *NAME",
				       text);
	}
	return append(session, text, &parts, found, list);
}

/** Words of stdin, between blanks and lines. */
static struct hc_error *find_many(const struct hc_session *session, struct hc_spots *spots,
				  struct hc_address_list *list)
{
	hc_cleanup_free char *text = NULL;
	size_t allocated = 0;

	errno = 0;
	ssize_t size = getdelim(&text, &allocated, '\0', stdin);
	if (ferror(stdin))
		return hc_error_os(errno, "cannot read stdin");
	char *save = NULL, *word = size > 0 ? strtok_r(text, " \t\r\n", &save) : NULL;
	struct hc_error *err = NULL;

	for (; !err && word; word = strtok_r(NULL, " \t\r\n", &save))
		err = find_one(session, spots, word, list);
	return err;
}

struct hc_error *hc_addresses_find(const struct hc_session *session, struct hc_spots *spots,
				   const char *text, struct hc_address_list *list)
{
	return strcmp(text, "-") ? find_one(session, spots, text, list)
				 : find_many(session, spots, list);
}

void hc_addresses_deinit(struct hc_address_list *list)
{
	for (size_t i = 0; i < list->num; i++)
		free(list->items[i].asked);
	free(list->items);
	*list = (struct hc_address_list){0};
}
