/**
 * @file
 * Recognising inputs; see input.h.
 */
#include "core/process/input.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/process/pmap.h"

/** @name ELF */
/**@{*/

/** Systems whose cores are ELF, too: by the name that the owner of their notes begins with. */
static const struct {
	const char *owner, *system;
} systems[] = {
	{"NetBSD-CORE", "NetBSD"},
	{"FreeBSD", "FreeBSD"},
	{"OpenBSD", "OpenBSD"},
	{"QNX", "QNX"},
};

/** The same by e_ident[EI_OSABI], where the system sets it. */
static const char *system_by_abi(uint8_t abi)
{
	switch (abi) {
	case ELFOSABI_NETBSD:
		return "NetBSD";
	case ELFOSABI_SOLARIS:
		return "Solaris";
	case ELFOSABI_AIX:
		return "AIX";
	case ELFOSABI_IRIX:
		return "IRIX";
	case ELFOSABI_FREEBSD:
		return "FreeBSD";
	case ELFOSABI_OPENBSD:
		return "OpenBSD";
	default:
		return NULL;
	}
}

/** Whose the first note at this place is; NULL: nobody's that is known. */
static const char *system_by_note(struct hc_bytes head, uint64_t offset)
{
	enum { NOTE_HEADER = 12 };

	if (offset > head.size || head.size - offset < NOTE_HEADER)
		return NULL;
	const char *owner = (const char *)head.data + offset + NOTE_HEADER;
	size_t left = head.size - offset - NOTE_HEADER;
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
		size_t size = strlen(systems[i].owner);
		if (left >= size && !memcmp(owner, systems[i].owner, size))
			return systems[i].system;
	}
	return NULL;
}

/** The system of a core, as far as its beginning tells; NULL: Linux, or unknown. */
static const char *foreign_system(struct hc_bytes head)
{
	bool wide = head.data[EI_CLASS] == ELFCLASS64, big = head.data[EI_DATA] == ELFDATA2MSB;
	unsigned word = wide ? 8 : 4;
	const char *system = system_by_abi(head.data[EI_OSABI]);

	if (system || head.size < sizeof(Elf64_Ehdr))
		return system;
	uint64_t at = hc_read_word(
		head.data + (wide ? offsetof(Elf64_Ehdr, e_phoff) : offsetof(Elf32_Ehdr, e_phoff)),
		word, big);
	unsigned num = hc_read16(
		head.data + (wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum)),
		big);
	size_t entry = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	for (unsigned i = 0; i < num && !system; i++, at += entry) {
		if (at > head.size || head.size - at < entry)
			break;
		const uint8_t *phdr = head.data + at;
		size_t offset =
			wide ? offsetof(Elf64_Phdr, p_offset) : offsetof(Elf32_Phdr, p_offset);
		if (hc_read32(phdr, big) == PT_NOTE)
			system = system_by_note(head, hc_read_word(phdr + offset, word, big));
	}
	return system;
}

static enum hc_input_kind elf_kind(struct hc_bytes head, const char **name_ret)
{
	size_t type_end = offsetof(Elf64_Ehdr, e_type) + 2;

	if (head.size < type_end)
		return HC_INPUT_CORE; /* too short to say what else it was */
	uint16_t type = hc_read16(head.data + type_end - 2, head.data[EI_DATA] == ELFDATA2MSB);
	switch (type) {
	case ET_CORE:
		*name_ret = foreign_system(head);
		return *name_ret ? HC_INPUT_FOREIGN_CORE : HC_INPUT_CORE;
	case ET_EXEC:
	case ET_DYN:
		return HC_INPUT_PROGRAM;
	case ET_REL:
		*name_ret = "object file";
		return HC_INPUT_ELF;
	default:
		*name_ret = "ELF file of an unknown type";
		return HC_INPUT_ELF;
	}
}
/**@}*/

/** @name Other formats */
/**@{*/

/** Formats with a mark of their own. */
static const struct {
	size_t offset;
	const char *mark;
	size_t size;
	enum hc_input_kind kind;
	const char *name;
	const char *command; /**< of an archive: what unpacks it */
} formats[] = {
	{257, "ustar", 5, HC_INPUT_ARCHIVE, "tar archive", "tar -xf"},
	{0, "PK\3\4", 4, HC_INPUT_ARCHIVE, "zip archive", "unzip"},
	{0, "7z\xbc\xaf\x27\x1c", 6, HC_INPUT_ARCHIVE, "7z archive", "7z x"},
	{0, "Rar!\x1a\x07", 6, HC_INPUT_ARCHIVE, "rar archive", "unrar x"},
	{0, "070701", 6, HC_INPUT_ARCHIVE, "cpio archive", "cpio -id <"},
	{0, "!<arch>\n", 8, HC_INPUT_ARCHIVE, "Debian package or static library", "ar x"},
	{0, "LZIP", 4, HC_INPUT_ARCHIVE, "lzip file", "lzip -d"},
	{0, "\x89LZO\0", 5, HC_INPUT_ARCHIVE, "lzop file", "lzop -d"},
	{0, "\x1f\x9d", 2, HC_INPUT_ARCHIVE, "file of compress(1)", "uncompress"},
	/* Its properties and a dictionary of whole 64 KiB: there is no mark. */
	{0, "\x5d\0\0", 3, HC_INPUT_ARCHIVE, "lzma file", "lzma -d"},
	{0, "MDMP", 4, HC_INPUT_MINIDUMP, "minidump", NULL},
	{0, "\xcf\xfa\xed\xfe", 4, HC_INPUT_FOREIGN_CORE, "macOS", NULL},
	{0, "KDUMP   ", 8, HC_INPUT_FOREIGN_CORE, "the kernel itself (kdump)", NULL},
};

/** What unpacks an archive by that name. */
static const char *unpacker(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].name == name)
			return formats[i].command;
	return NULL;
}

/** Whether the line after the first is a count: "Size:    4 kB", "Rss: …". */
static bool has_details(struct hc_bytes head)
{
	const uint8_t *newline = memchr(head.data, '\n', head.size);
	size_t left = newline ? head.size - (newline + 1 - head.data) : 0;

	return left && newline[1] >= 'A' && newline[1] <= 'Z';
}

/** The first line of smaps_rollup is a mapping by that name. */
static bool is_rollup(struct hc_bytes head)
{
	const uint8_t *newline = memchr(head.data, '\n', head.size);
	size_t size = newline ? (size_t)(newline - head.data) : head.size;

	return memmem(head.data, size, "[rollup]", 8);
}

static bool is_text(struct hc_bytes head)
{
	for (size_t i = 0; i < head.size; i++) {
		uint8_t byte = head.data[i];
		if ((byte < ' ' && !memchr("\t\n\r\f\033", byte, 5)) || byte == 0x7f)
			return false;
	}
	return true;
}

enum hc_input_kind hc_input_recognise(struct hc_bytes head, const char **name_ret)
{
	*name_ret = NULL;
	if (head.size >= SELFMAG && !memcmp(head.data, ELFMAG, SELFMAG))
		return elf_kind(head, name_ret);
	if (hc_decompress_recognise(head))
		return HC_INPUT_PACKED;
	if (hc_snapshot_recognise(head))
		return is_rollup(head)     ? HC_INPUT_SMAPS_ROLLUP
		       : has_details(head) ? HC_INPUT_SMAPS
					   : HC_INPUT_MAPS;
	if (hc_pmap_recognise(head))
		return HC_INPUT_PMAP;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (head.size >= formats[i].offset + formats[i].size &&
		    !memcmp(head.data + formats[i].offset, formats[i].mark, formats[i].size)) {
			*name_ret = formats[i].name;
			return formats[i].kind;
		}
	}
	return head.size && is_text(head) ? HC_INPUT_TEXT : HC_INPUT_UNKNOWN;
}

struct hc_error *hc_input_refuse(struct hc_bytes head)
{
	const char *name;

	switch (hc_input_recognise(head, &name)) {
	case HC_INPUT_MAPS:
	case HC_INPUT_SMAPS:
		return hc_error_about(hc_error_create(HC_ERROR_FORMAT,
						      "is a saved maps or smaps file, not a core"),
				      HC_ABOUT_SNAPSHOT);
	case HC_INPUT_PMAP:
		return hc_error_about(
			hc_error_create(HC_ERROR_FORMAT, "is what pmap printed, not a core"),
			HC_ABOUT_SNAPSHOT);
	case HC_INPUT_SMAPS_ROLLUP:
		return hc_error_create(HC_ERROR_FORMAT,
				       "is a saved smaps_rollup, which has only sums, not a core");
	case HC_INPUT_FOREIGN_CORE:
		return hc_error_create(HC_ERROR_FORMAT,
				       "is a core of %s; only cores of Linux can be read", name);
	case HC_INPUT_PROGRAM:
		return hc_error_create(HC_ERROR_FORMAT,
				       "is an executable or library, not a core; "
				       "take a core of the running program with 'gcore PID'");
	case HC_INPUT_ARCHIVE:
		return hc_error_create(HC_ERROR_FORMAT,
				       "is a %s; unpack it with '%s' and give the core that is in "
				       "it",
				       name, unpacker(name));
	case HC_INPUT_MINIDUMP:
		return hc_error_create(HC_ERROR_FORMAT,
				       "is a minidump, which holds no heap; give a core, "
				       "as gcore or the kernel writes it");
	case HC_INPUT_ELF:
		return hc_error_create(HC_ERROR_FORMAT, "is an %s, not a core", name);
	case HC_INPUT_PACKED:
		return hc_error_create(HC_ERROR_FORMAT, "is compressed more than once");
	case HC_INPUT_TEXT:
		return hc_error_create(HC_ERROR_FORMAT,
				       "is text, not a core; give a core, as gcore or the kernel "
				       "writes it");
	default:
		return hc_error_create(
			HC_ERROR_FORMAT,
			"is not an ELF file; give a core, as gcore or the kernel writes it");
	}
}
/**@}*/

/** @name Files */
/**@{*/

#define COPY_BYTES (1u << 20)

static struct hc_error *copy_block(int from, int to, uint8_t *block, uint64_t *size)
{
	ssize_t got;

	do {
		got = read(from, block, COPY_BYTES);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return hc_error_os(errno, "can't be read");
	for (ssize_t done = 0, put; done < got; done += put) {
		put = write(to, block + done, got - done);
		if (put < 0 && errno == EINTR)
			put = 0;
		else if (put < 0)
			return hc_error_about(
				hc_error_os(errno, "comes from a pipe, and can't be stored"),
				HC_ABOUT_ROOM);
	}
	if ((uint64_t)got > HC_DECOMPRESS_MAX - *size)
		return hc_error_create(HC_ERROR_LIMIT, "is larger than any core");
	*size += got;
	return NULL;
}

/** Read a pipe to its end. @param[out] ret the copy, at its beginning */
static struct hc_error *copy_pipe(int from, const struct hc_decompress_options *options, int *ret)
{
	hc_cleanup_free uint8_t *block = malloc(COPY_BYTES);
	hc_cleanup_close int to = -1;
	uint64_t size = 0, before;
	struct hc_error *err = block ? hc_decompress_file(options, &to) : &hc_enomem;

	if (err)
		return err;
	do {
		before = size;
		if ((err = hc_watch_check(options->watch)) ||
		    (err = copy_block(from, to, block, &size)))
			return err;
	} while (size > before);
	if (!size)
		return hc_error_create(HC_ERROR_FORMAT, "is a pipe, and nothing came out of it");
	if (lseek(to, 0, SEEK_SET) < 0)
		return hc_error_os(errno, "can't be examined");
	*ret = to;
	to = -1;
	return NULL;
}

static struct hc_error *refuse_kind(mode_t mode)
{
	const char *kind = S_ISDIR(mode) ? "directory" : S_ISSOCK(mode) ? "socket" : "device";

	return hc_error_create(HC_ERROR_FORMAT, "is a %s, not a core; give a regular file", kind);
}

static struct hc_error *open_path(const char *path, int *ret)
{
	bool standard = !strcmp(path, "-");
	/* O_NONBLOCK: a pipe without a writer must be refused, not waited for. */
	int flags, fd = standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
				 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return hc_error_os(errno, "can't be opened");
	/* From here on one that has writers may take its time. */
	if (!standard && (flags = fcntl(fd, F_GETFL)) >= 0)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	*ret = fd;
	return NULL;
}

/** What the file begins with. @param[out] head_ret as many bytes as @p room has and there are */
static struct hc_error *read_head(int fd, uint8_t *room, struct hc_bytes *head_ret)
{
	ssize_t size = pread(fd, room, HC_INPUT_HEAD, 0);

	if (size < 0)
		return hc_error_os(errno, "can't be read");
	*head_ret = (struct hc_bytes){room, size};
	return NULL;
}

/** Recognise an open file. */
static struct hc_error *examine(struct hc_input_file *input)
{
	hc_cleanup_free uint8_t *room = malloc(HC_INPUT_HEAD);
	struct hc_bytes head;
	const char *name;
	struct stat st;

	if (!room)
		return &hc_enomem;
	if (fstat(input->fd, &st))
		return hc_error_os(errno, "can't be examined");
	if (!S_ISREG(st.st_mode))
		return refuse_kind(st.st_mode);
	struct hc_error *err = read_head(input->fd, room, &head);
	if (err)
		return err;
	if (!head.size)
		return hc_error_create(HC_ERROR_FORMAT,
				       "is empty; was the disk full when the core was written?");
	input->size = st.st_size;
	input->kind = hc_input_recognise(head, &name);
	return NULL;
}

struct hc_error *hc_input_open(const char *path, const struct hc_decompress_options *options,
			       struct hc_input_file *ret)
{
	static const struct hc_decompress_options defaults;
	hc_cleanup(hc_input_close) struct hc_input_file input = {.fd = -1};
	struct hc_error *err = open_path(path, &input.fd);
	struct stat st;

	if (!err && !fstat(input.fd, &st) && S_ISFIFO(st.st_mode)) {
		int pipe = input.fd;
		input.fd = -1;
		err = copy_pipe(pipe, options ? options : &defaults, &input.fd);
		close(pipe);
	}
	if (!err)
		err = examine(&input);
	if (err)
		return err;
	*ret = input;
	input.fd = -1;
	return NULL;
}

void hc_input_close(struct hc_input_file *input)
{
	if (input->fd >= 0)
		close(input->fd);
	input->fd = -1;
}

/** Whether there is in what is packed what is looked for. */
struct peek {
	bool any_text; /**< not snapshots alone */
	uint64_t most; /**< bytes of it; 0: as many as can be unpacked */
	bool found;
};

static struct hc_error *peek_head(void *ctx, struct hc_bytes head, uint64_t *size_ret)
{
	struct peek *peek = ctx;
	struct hc_input_file content = {.fd = -1};
	const char *name;

	*size_ret = 0;
	content.kind = hc_input_recognise(head, &name);
	peek->found =
		hc_input_is_snapshot(&content) || (peek->any_text && content.kind == HC_INPUT_TEXT);
	/* Whatever it is, somebody else unpacks it. */
	return peek->found ? NULL : hc_error_create(HC_ERROR_FORMAT, "holds something else");
}

/** Unpack what is looked for. @param[out] ret the content; -1: it is something else */
static struct hc_error *unpack(const struct hc_input_file *input, struct peek *peek,
			       const struct hc_decompress_options *options,
			       struct hc_diagnostics *diag, int *ret)
{
	hc_cleanup_free uint8_t *room = malloc(HC_INPUT_HEAD);
	struct hc_bytes head;
	static const struct hc_decompress_options defaults;
	hc_cleanup(hc_diagnostics_deinit) struct hc_diagnostics own = {0};
	struct hc_packed_file file = {
		.fd = input->fd,
		.size = input->size,
		.examine = peek_head,
		.examine_ctx = peek,
		.most = peek->most,
	};
	struct hc_error *err = room ? read_head(input->fd, room, &head) : &hc_enomem;

	if (err)
		return err;
	file.compression = hc_decompress_recognise(head);
	err = hc_decompress(&file, options ? options : &defaults, &own, ret);
	if (peek->found) {
		for (size_t i = 0; i < own.num; i++)
			hc_diagnostics_add(diag, own.items[i].partial, "%s", own.items[i].message);
		return err;
	}
	hc_error_destroy(err);
	*ret = -1;
	return lseek(input->fd, 0, SEEK_SET) < 0 ? hc_error_os(errno, "can't be examined") : NULL;
}

/** From here on the input is what is in it, if that is looked for. */
static struct hc_error *unpack_input(struct hc_input_file *input, struct peek *peek,
				     const struct hc_decompress_options *options,
				     struct hc_diagnostics *diag)
{
	int fd = -1;

	if (input->kind != HC_INPUT_PACKED)
		return NULL;
	struct hc_error *err = unpack(input, peek, options, diag, &fd);
	if (err || fd < 0)
		return err;
	close(input->fd);
	input->fd = fd;
	return lseek(fd, 0, SEEK_SET) < 0 ? hc_error_os(errno, "can't be examined")
					  : examine(input);
}

struct hc_error *hc_input_unpack_snapshot(struct hc_input_file *input,
					  const struct hc_decompress_options *options,
					  struct hc_diagnostics *diag)
{
	struct peek peek = {.any_text = false};

	return unpack_input(input, &peek, options, diag);
}

struct hc_error *hc_input_unpack_text(struct hc_input_file *input,
				      const struct hc_decompress_options *options, uint64_t most,
				      struct hc_diagnostics *diag)
{
	struct peek peek = {.any_text = true, .most = most};

	return unpack_input(input, &peek, options, diag);
}

struct hc_error *hc_input_expect_core(const struct hc_input_file *input)
{
	hc_cleanup_free uint8_t *room = malloc(HC_INPUT_HEAD);
	struct hc_bytes head;

	if (!room)
		return &hc_enomem;
	if (input->kind == HC_INPUT_PACKED || (input->kind == HC_INPUT_CORE && input->size))
		return NULL;
	struct hc_error *err = read_head(input->fd, room, &head);
	return err ? err : hc_input_refuse(head);
}
/**@}*/
