/**
 * @file
 * The note walk and the decoders of one payload each.
 */
#include "core/elf/notes.h"

#include <elf.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#include "core/base/cleanup.h"

void hc_notes_init(struct hc_notes *notes, struct hc_bytes area, uint64_t file_offset,
		   bool big_endian)
{
	hc_cursor_init(&notes->cursor, area, file_offset, "note area");
	notes->cursor.big_endian = big_endian;
}

/** Step over @p size bytes and the padding to 4; the padding of the last record may be cut off. */
static struct hc_error *notes_field(struct hc_cursor *cursor, uint32_t size, struct hc_bytes *ret)
{
	struct hc_error *err = hc_cursor_bytes(cursor, size, ret);
	if (err)
		return err;
	size_t padding = -(size_t)size & 3;
	if (padding > hc_cursor_left(cursor))
		padding = hc_cursor_left(cursor);
	return hc_cursor_skip(cursor, padding);
}

struct hc_error *hc_notes_next(struct hc_notes *notes, struct hc_note *ret, bool *done)
{
	struct hc_cursor cursor = notes->cursor;
	uint32_t name_size, desc_size, type;
	struct hc_bytes name, desc;
	struct hc_error *err;

	if (!hc_cursor_left(&cursor)) {
		*done = true;
		return NULL;
	}
	if ((err = hc_cursor_u32(&cursor, &name_size)) ||
	    (err = hc_cursor_u32(&cursor, &desc_size)) || (err = hc_cursor_u32(&cursor, &type)) ||
	    (err = notes_field(&cursor, name_size, &name)))
		return err;
	uint64_t desc_offset = cursor.file_offset + (uint64_t)(cursor.pos - cursor.start);
	if ((err = notes_field(&cursor, desc_size, &desc)))
		return err;
	if (name_size && name.data[name_size - 1] != '\0') {
		return hc_error_create(HC_ERROR_FORMAT,
				       "note area: the owner of the note at file offset 0x%" PRIx64
				       " has no end",
				       desc_offset);
	}

	notes->cursor = cursor;
	*done = false;
	*ret = (struct hc_note){
		.name = name_size ? (const char *)name.data : "",
		.type = type,
		.desc = desc,
		.file_offset = desc_offset,
	};
	return NULL;
}

static struct hc_error *note_need(const struct hc_note *note, const char *what, size_t size)
{
	if (note->desc.size >= size)
		return NULL;
	return hc_error_create(HC_ERROR_FORMAT,
			       "%s at file offset 0x%" PRIx64 " has %zu bytes instead of %zu", what,
			       note->file_offset, note->desc.size, size);
}

struct hc_error *hc_note_prstatus(const struct hc_note *note, const struct hc_machine *machine,
				  struct hc_prstatus *ret)
{
	struct hc_error *err = note_need(note, "NT_PRSTATUS", machine->prstatus_size);
	if (err)
		return err;

	const uint8_t *p = note->desc.data;
	*ret = (struct hc_prstatus){
		.lwp = hc_read32(p + machine->prstatus_pid, machine->big_endian),
		.signal = hc_read16(p + machine->prstatus_cursig, machine->big_endian),
		.num_regs = machine->num_regs,
	};
	for (unsigned i = 0; i < machine->num_regs; i++) {
		ret->regs[i] = hc_read_word(p + machine->prstatus_regs + i * machine->reg_size,
					    machine->reg_size, machine->big_endian);
	}
	if (machine->tp >= 0)
		ret->tp = ret->regs[machine->tp];
	return NULL;
}

/** NT_386_TLS: a table of struct user_desc, of which the selector register names one. */
static bool descriptor_base(struct hc_bytes table, uint64_t selector, uint64_t *ret)
{
	enum { ENTRY_SIZE = 16, ENTRY_BASE = 4 };

	for (size_t at = 0; table.size - at >= ENTRY_SIZE; at += ENTRY_SIZE) {
		if (hc_load32(table.data + at) == (selector & 0xffff) >> 3) {
			*ret = hc_load32(table.data + at + ENTRY_BASE);
			return *ret != 0;
		}
	}
	return false;
}

bool hc_note_thread_pointer(const struct hc_note *note, const struct hc_machine *machine,
			    const struct hc_prstatus *prstatus, uint64_t *ret)
{
	if (!machine->tls_note || note->type != machine->tls_note || strcmp(note->name, "LINUX"))
		return false;
	if (machine->tls_selector)
		return descriptor_base(note->desc, prstatus->regs[machine->tls_selector], ret);
	if (note->desc.size < machine->word_size)
		return false;
	*ret = hc_read_word(note->desc.data, machine->word_size, machine->big_endian);
	return *ret != 0;
}

/** Copy a fixed field that may fill all of its bytes, without the blanks that pad it. */
static void copy_text(char *to, const uint8_t *from, size_t size)
{
	size_t length = strnlen((const char *)from, size);
	while (length && from[length - 1] == ' ')
		length--;
	memcpy(to, from, length);
	to[length] = '\0';
}

struct hc_error *hc_note_prpsinfo(const struct hc_note *note, const struct hc_machine *machine,
				  struct hc_prpsinfo *ret)
{
	struct hc_error *err = note_need(note, "NT_PRPSINFO", machine->prpsinfo_size);
	if (err)
		return err;

	const uint8_t *p = note->desc.data;
	ret->pid = hc_read32(p + machine->prpsinfo_pid, machine->big_endian);
	copy_text(ret->name, p + machine->prpsinfo_fname, sizeof(ret->name) - 1);
	copy_text(ret->command, p + machine->prpsinfo_psargs, sizeof(ret->command) - 1);
	return NULL;
}

struct hc_error *hc_note_siginfo(const struct hc_note *note, const struct hc_machine *machine,
				 struct hc_siginfo *ret)
{
	/* signo, errno, code, padding up to a word, then a union whose members begin with a word */
	size_t fields = machine->word_size == 8 ? 16 : 12;
	struct hc_error *err = note_need(note, "NT_SIGINFO", fields + 8);
	if (err)
		return err;

	const uint8_t *p = note->desc.data;
	bool big = machine->big_endian;
	/* MIPS has code and errno the other way round */
	*ret = (struct hc_siginfo){
		.signo = hc_read32(p, big),
		.code = hc_read32(p + (machine->siginfo_code_first ? 4 : 8), big),
	};
	bool by_process = ret->code <= 0;
	bool fault = ret->signo == SIGSEGV || ret->signo == SIGBUS || ret->signo == SIGILL ||
		     ret->signo == SIGFPE;
	if (fault && !by_process) {
		ret->has_fault_address = true;
		ret->fault_address = hc_read_word(p + fields, machine->word_size, big);
	} else if (ret->code == SI_USER || ret->code == SI_TKILL || ret->code == SI_QUEUE) {
		ret->has_sender = true;
		ret->sender_pid = hc_read32(p + fields, big);
		ret->sender_uid = hc_read32(p + fields + 4, big);
	}
	return NULL;
}

/** The entries of NT_FILE, and a second cursor over the strings that follow them. */
struct file_list {
	struct hc_cursor entries, names;
	uint64_t count, page_size;
};

static struct hc_error *file_list_init(const struct hc_note *note, const struct hc_machine *machine,
				       struct file_list *list)
{
	unsigned word_size = machine->word_size;
	struct hc_error *err;

	hc_cursor_init(&list->entries, note->desc, note->file_offset, "NT_FILE");
	list->entries.big_endian = machine->big_endian;
	if ((err = hc_cursor_word(&list->entries, word_size, &list->count)) ||
	    (err = hc_cursor_word(&list->entries, word_size, &list->page_size)))
		return err;
	list->names = list->entries;
	uint64_t table;
	if (__builtin_mul_overflow(list->count, 3 * word_size, &table) ||
	    table > hc_cursor_left(&list->entries)) {
		return hc_error_create(HC_ERROR_FORMAT,
				       "NT_FILE promises %" PRIu64
				       " files, for which it is too short",
				       list->count);
	}
	return hc_cursor_skip(&list->names, table);
}

/** @return false where the list ends before its count */
static bool file_list_next(struct file_list *list, unsigned word_size, struct hc_note_file *ret)
{
	hc_cleanup_error struct hc_error *err = NULL;

	if ((err = hc_cursor_word(&list->entries, word_size, &ret->start)) ||
	    (err = hc_cursor_word(&list->entries, word_size, &ret->end)) ||
	    (err = hc_cursor_word(&list->entries, word_size, &ret->offset)) ||
	    (err = hc_cursor_string(&list->names, &ret->path)))
		return false;
	return !__builtin_mul_overflow(ret->offset, list->page_size, &ret->offset);
}

struct hc_error *hc_note_files(const struct hc_note *note, const struct hc_machine *machine,
			       struct hc_note_file **files_ret, size_t *num_ret,
			       bool *truncated_ret)
{
	struct file_list list;
	struct hc_error *err = file_list_init(note, machine, &list);
	if (err)
		return err;

	/* The table was found to lie within the note, so this is bounded by the file. */
	hc_cleanup_free struct hc_note_file *files = calloc(list.count + 1, sizeof(*files));
	if (!files)
		return &hc_enomem;
	size_t num = 0, i = 0;
	for (; i < list.count && file_list_next(&list, machine->word_size, &files[num]); i++) {
		if (files[num].start < files[num].end)
			num++;
	}
	*truncated_ret = i < list.count;
	*num_ret = num;
	*files_ret = hc_steal(files);
	return NULL;
}

bool hc_note_auxv(const struct hc_note *note, const struct hc_machine *machine, uint64_t type,
		  uint64_t *ret)
{
	unsigned word = machine->word_size;

	for (size_t at = 0; note->desc.size - at >= 2 * word; at += 2 * word) {
		uint64_t a_type = hc_read_word(note->desc.data + at, word, machine->big_endian);
		if (a_type == AT_NULL)
			return false;
		if (a_type == type) {
			*ret = hc_read_word(note->desc.data + at + word, word, machine->big_endian);
			return true;
		}
	}
	return false;
}
