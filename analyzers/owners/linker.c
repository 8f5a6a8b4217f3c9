/**
 * @file
 * What the dynamic linker keeps for itself in memory that it mapped before malloc was there.
 *
 * The executable's DT_DEBUG leads to struct r_debug (link.h): version +0, and the chain of struct
 * link_map (l_addr, l_name, l_ld, l_next, l_prev), one a module. glibc's linker has a small
 * allocator of its own (elf/dl-minimal.c), whose pages are anonymous; the chain runs through them.
 */
#include <elf.h>
#include <inttypes.h>

#include "analyzers/owners/survey.h"
#include "core/base/format.h"

#define MAX_HEADERS 256
#define MAX_DYNAMIC 512
#define MAX_LINKS 65536
/** The linker's own pages are few; a large mapping that holds a link_map is something else. */
#define MAX_SIZE (UINT64_C(4) << 20)

struct reader {
	const struct hc_memory *memory;
	unsigned word;
};

/** Address of the dynamic section, from the program headers that AT_PHDR leads to. */
static uint64_t find_dynamic(const struct hc_core *core, const struct reader *reader)
{
	uint64_t headers, num, size, dynamic = 0, bias = 0;
	bool has_bias = false;

	if (!hc_core_auxv(core, AT_PHDR, &headers) || !hc_core_auxv(core, AT_PHNUM, &num) ||
	    !hc_core_auxv(core, AT_PHENT, &size) || num > MAX_HEADERS || size > 4096)
		return 0;
	for (uint64_t i = 0; i < num; i++) {
		uint64_t at = headers + i * size, address;
		uint32_t type;
		if (!hc_memory_u32(reader->memory, at, &type) ||
		    !hc_memory_word(reader->memory, at + (reader->word == 8 ? 16 : 8), &address))
			return 0;
		if (type == PT_PHDR) {
			bias = headers - address;
			has_bias = true;
		} else if (type == PT_DYNAMIC) {
			dynamic = address;
		}
	}
	return has_bias && dynamic ? dynamic + bias : 0;
}

static uint64_t find_debug(const struct reader *reader, uint64_t dynamic)
{
	uint64_t tag, value;

	for (unsigned i = 0; dynamic && i < MAX_DYNAMIC; i++) {
		uint64_t at = dynamic + 2 * i * reader->word;
		if (!hc_memory_word(reader->memory, at, &tag) ||
		    !hc_memory_word(reader->memory, at + reader->word, &value) || tag == DT_NULL)
			return 0;
		if (tag == DT_DEBUG)
			return value;
	}
	return 0;
}

static struct hc_error *claim_links(struct hc_survey *survey, const struct reader *reader,
				    uint64_t link, uint64_t *num_ret)
{
	uint64_t previous = 0, back;

	*num_ret = 0;
	for (unsigned i = 0; link && i < MAX_LINKS; i++) {
		const struct hc_mapping *row = hc_mappings_find(&survey->process->mappings, link);
		/* Each link leads back to the one before. */
		if (!row || !hc_memory_word(reader->memory, link + 4 * reader->word, &back) ||
		    back != previous)
			break;
		if (hc_survey_open_mapping(row) && row->end - row->start <= MAX_SIZE) {
			struct hc_error *err = hc_survey_claim(survey, row->start, row->end);
			if (err)
				return err;
			++*num_ret;
		}
		previous = link;
		if (!hc_memory_word(reader->memory, link + 3 * reader->word, &link))
			break;
	}
	return NULL;
}

struct hc_error *hc_probe_linker(struct hc_survey *survey)
{
	struct reader reader = {survey->memory, survey->memory->word_size};
	uint64_t debug = find_debug(&reader, find_dynamic(survey->process->core, &reader));
	uint64_t link, num;
	struct hc_owner *owner;

	if (!debug || !hc_memory_word(survey->memory, debug + reader.word, &link) || !link)
		return NULL;
	struct hc_error *err =
		hc_survey_add(survey, "ld.so", "the dynamic linker",
			      hc_format("its chain of loaded modules runs through it"), &owner);
	if (!err)
		err = claim_links(survey, &reader, link, &num);
	if (!err)
		hc_owner_count(owner, "modules described", num);
	return err;
}
