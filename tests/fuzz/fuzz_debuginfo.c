/**
 * @file
 * Fuzz target: debug information and symbols of a program that somebody made.
 *
 * An input is an ELF file, or a list of faults of eight bytes each that are applied to a program
 * that was built with debug information (fuzz_program.c, fuzz_program.cc): to its headers, to its
 * sections with names like .debug_info, or anywhere. Then it is asked what analyzers ask: all
 * layouts that variables lead to, their members, all structs, symbols.
 */
#include "fuzz.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/process/debuginfo.h"
#include "core/process/module_loader.h"
#include "core/process/structs.h"

/** One fault as it stands in the input. */
struct record {
	uint8_t op;
	uint8_t section;
	uint16_t offset;
	uint32_t argument;
};

enum op { OP_BYTE, OP_WORD, OP_FLIP, OP_NUMBER, OP_COPY, OP_NOISE, NUM_OPS };

#define MAX_SECTIONS 64
#define MAX_PROGRAM (1u << 20)
/** Layouts that one input is asked for. */
#define MAX_ASKED 4096
/** Both programs are linked below that. */
#define LOAD_SIZE (UINT64_C(16) << 20)
#define TEXT_ADDRESS 0x400200

/** A program as it was built. */
struct program {
	uint8_t *data;
	size_t size;
	/** Parts that faults are put in: headers first, then sections of debug information. */
	struct hc_bytes parts[MAX_SECTIONS];
	unsigned num_parts;
};

static void find_parts(struct program *program)
{
	const Elf64_Ehdr *header = (const void *)program->data;
	const Elf64_Shdr *sections = (const void *)(program->data + header->e_shoff);
	const char *names = (const char *)program->data + sections[header->e_shstrndx].sh_offset;

	program->parts[program->num_parts++] = (struct hc_bytes){program->data, sizeof(*header)};
	program->parts[program->num_parts++] =
		(struct hc_bytes){(const uint8_t *)sections, header->e_shnum * sizeof(*sections)};
	for (unsigned i = 0; i < header->e_shnum && program->num_parts < MAX_SECTIONS; i++) {
		const char *name = names + sections[i].sh_name;
		bool wanted = !strncmp(name, ".debug_", 7) || !strcmp(name, ".symtab") ||
			      !strcmp(name, ".strtab");
		if (wanted && sections[i].sh_size)
			program->parts[program->num_parts++] = (struct hc_bytes){
				program->data + sections[i].sh_offset, sections[i].sh_size};
	}
}

static void load(struct program *program, const char *path)
{
	FILE *file = fopen(path, "rb");

	program->data = malloc(MAX_PROGRAM);
	if (!file || !program->data)
		abort();
	program->size = fread(program->data, 1, MAX_PROGRAM, file);
	fclose(file);
	find_parts(program);
}

static const struct program *program_of(unsigned which)
{
	static struct program programs[2];

	if (!programs[0].data) {
		load(&programs[0], HC_FUZZ_SEEDS "/debuginfo/program-c");
		load(&programs[1], HC_FUZZ_SEEDS "/debuginfo/program-cc");
	}
	return &programs[which % 2];
}

static void apply(const struct program *program, uint8_t *data, const struct record *record)
{
	const struct hc_bytes *part = &program->parts[record->section % program->num_parts];
	size_t at = part->data - program->data + record->offset % part->size;
	size_t left = program->size - at, size = 4;
	uint32_t word = record->argument;

	switch ((enum op)(record->op % NUM_OPS)) {
	case OP_BYTE:
		size = 1;
		break;
	case OP_WORD:
		break;
	case OP_FLIP:
		word = data[at] ^ 1u << record->argument % 8;
		size = 1;
		break;
	case OP_NUMBER:
		word = UINT32_MAX << record->argument % 32;
		break;
	case OP_COPY:
		size = record->argument % 64;
		left = left < size ? left : size;
		memmove(data + at, data + record->argument / 64 % (program->size - left), left);
		return;
	case OP_NOISE:
		size = record->argument >> 24;
		memset(data + at, record->argument & 255, size < left ? size : left);
		return;
	case NUM_OPS:
		return;
	}
	memcpy(data + at, &word, size < left ? size : left);
}

/** The file of an input. */
static int make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("program", MFD_CLOEXEC);
	hc_cleanup_free uint8_t *copy = NULL;

	if (size && data[0] != ELFMAG0) {
		const struct program *program = program_of(data[0]);
		copy = malloc(program->size);
		if (!copy)
			abort();
		memcpy(copy, program->data, program->size);
		for (size_t at = 1; at + sizeof(struct record) <= size;
		     at += sizeof(struct record)) {
			struct record record;
			memcpy(&record, data + at, sizeof(record));
			apply(program, copy, &record);
		}
		data = copy;
		size = program->size;
	}
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

/** @name Questions */
/**@{*/

static bool failed(struct hc_error *err)
{
	if (!err)
		return false;
	if (!err->message || !*err->message)
		abort();
	hc_error_destroy(err);
	return true;
}

static void ask_members(struct hc_debuginfo *info, hc_layout_id id, const struct hc_layout *layout)
{
	char name[256];

	for (uint64_t offset = 0; offset < 64; offset += 8)
		if (hc_debuginfo_member(info, id, offset, name, sizeof(name)) &&
		    !memchr(name, 0, 256))
			abort();
	hc_debuginfo_member(info, id, layout->size - 1, name, sizeof(name));
}

/** A layout and what its slots lead to, by a list of those to come. */
static void ask_layouts(struct hc_debuginfo *info, hc_layout_id first)
{
	static hc_layout_id asked[MAX_ASKED];
	size_t num = 1;

	asked[0] = first;
	for (size_t i = 0; i < num; i++) {
		struct hc_layout layout;
		if (failed(hc_debuginfo_layout(info, asked[i], &layout)))
			return;
		if (!layout.name || layout.num_slots > HC_MAX_SLOTS)
			abort();
		if (layout.size)
			ask_members(info, asked[i], &layout);
		for (size_t k = 0; k < layout.num_slots; k++) {
			bool known = false;
			if (layout.slots[k].offset >= layout.size)
				abort();
			for (size_t j = 0; j < num && !known; j++)
				known = asked[j] == layout.slots[k].target;
			if (!known && num < MAX_ASKED)
				asked[num++] = layout.slots[k].target;
		}
	}
}

static struct hc_error *on_symbol(void *ctx, const struct hc_symbol *symbol)
{
	(void)ctx;
	if (!symbol->name || strlen(symbol->name) > MAX_PROGRAM)
		abort();
	return NULL;
}

static void ask_structs(struct hc_modules *modules)
{
	hc_cleanup(hc_structs_deinit) struct hc_structs structs = {0};

	if (failed(hc_structs_find(modules, 1, 256, &structs)))
		return;
	for (size_t i = 0; i < structs.num; i++) {
		const struct hc_struct *item = &structs.items[i];
		if (!*item->name || !item->size || item->size > 256 || !item->module ||
		    item->num_members > HC_MAX_STRUCT_MEMBERS)
			abort();
		for (size_t k = 0; k < item->num_members; k++)
			if (!*item->members[k].type)
				abort();
	}
}

static void ask(struct hc_modules *modules)
{
	struct hc_debuginfo *info;
	const char *name;
	uint64_t offset;
	size_t num;

	hc_modules_symbol(modules, TEXT_ADDRESS, &name, &offset);
	failed(hc_modules_each_symbol(modules, "", on_symbol, NULL));
	ask_structs(modules);
	if (failed(hc_debuginfo_open(modules, 8, &info)))
		return;
	const struct hc_variable *variables = hc_debuginfo_variables(info, &num);
	for (size_t i = 0; i < num && i < 64; i++) {
		if (!variables[i].count)
			abort();
		ask_layouts(info, variables[i].layout);
	}
	hc_layout_id id = hc_debuginfo_find(info, "struct node");
	if (id != HC_NO_LAYOUT)
		ask_layouts(info, id);
	hc_debuginfo_close(info);
}
/**@}*/

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = make_file(data, size);
	char path[64];
	struct hc_module module = {.path = path,
				   .executable = true,
				   .start = 0,
				   .end = LOAD_SIZE,
				   .status = HC_FILE_MATCHED,
				   .file = path};
	struct hc_module_files *files = calloc(1, sizeof(*files));
	struct hc_modules modules = {.items = &module, .num = 1, .files = files};

	if (!files)
		abort();
	/* No other files are looked for. */
	files->debug_path = strdup("/proc/nonexistent");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ask(&modules);
	hc_module_files_close(files);
	close(fd);
	return 0;
}
