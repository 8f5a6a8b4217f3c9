/**
 * @file
 * ELF notes of a core.
 *
 * A note area is a run of (name, type, bytes) records. Its alignment is 4 in every core that Linux
 * and gdb write, whatever p_align says. Nothing here trusts a length: a record that does not fit
 * ends the walk with an error that names its offset.
 *
 * The decoders below turn one payload into values; they don't allocate except hc_note_files().
 */
#ifndef HC_CORE_ELF_NOTES_H
#define HC_CORE_ELF_NOTES_H

#include "core/base/bytes.h"
#include "core/elf/machine.h"

/** One note. Points into the mapped core and lives as long as it. */
struct hc_note {
	const char *name;     /**< owner, NUL-terminated: "CORE", "LINUX", "GNU" */
	uint32_t type;        /**< NT_*, meaning depends on @ref name */
	struct hc_bytes desc; /**< payload */
	uint64_t file_offset; /**< of the payload */
};

struct hc_notes {
	struct hc_cursor cursor;
};

void hc_notes_init(struct hc_notes *notes, struct hc_bytes area, uint64_t file_offset,
		   bool big_endian);

/**
 * Step to the next note.
 *
 * @param[out] ret  the note; untouched on failure and at the end
 * @param[out] done true when there is none left
 * @return NULL, or an error with the file offset of the broken record
 */
struct hc_error *hc_notes_next(struct hc_notes *notes, struct hc_note *ret, bool *done);

/** Most words in a register set of any machine. */
#define HC_MAX_REGS 48

/** NT_PRSTATUS: one thread. */
struct hc_prstatus {
	int32_t lwp;
	int32_t signal; /**< pr_cursig: the signal that ended the process, on its thread */
	unsigned num_regs;
	uint64_t regs[HC_MAX_REGS];
	uint64_t tp; /**< thread pointer; 0 when the machine keeps it in another note */
};

struct hc_error *hc_note_prstatus(const struct hc_note *note, const struct hc_machine *machine,
				  struct hc_prstatus *ret);

/**
 * The thread pointer out of the machine's own note (NT_386_TLS, NT_ARM_TLS), which follows the
 * NT_PRSTATUS of its thread.
 *
 * @return false when @p note is not that note or holds none
 */
bool hc_note_thread_pointer(const struct hc_note *note, const struct hc_machine *machine,
			    const struct hc_prstatus *prstatus, uint64_t *ret);

/** NT_PRPSINFO: the process. */
struct hc_prpsinfo {
	int32_t pid;
	char name[17];    /**< pr_fname: at most 15 characters of the program's name */
	char command[81]; /**< pr_psargs: at most 79 characters, blanks between arguments */
};

struct hc_error *hc_note_prpsinfo(const struct hc_note *note, const struct hc_machine *machine,
				  struct hc_prpsinfo *ret);

/** NT_SIGINFO: why it died. */
struct hc_siginfo {
	int32_t signo, code;
	bool has_fault_address;
	uint64_t fault_address; /**< si_addr, for SIGSEGV, SIGBUS, SIGILL, SIGFPE */
	bool has_sender;
	int32_t sender_pid, sender_uid; /**< for SI_USER, SI_TKILL, SI_QUEUE */
};

struct hc_error *hc_note_siginfo(const struct hc_note *note, const struct hc_machine *machine,
				 struct hc_siginfo *ret);

/** One file mapping of NT_FILE. @ref path points into the core. */
struct hc_note_file {
	uint64_t start, end; /**< addresses */
	uint64_t offset;     /**< bytes into the file */
	const char *path;    /**< as the kernel saw it; may end in " (deleted)" */
};

/**
 * Decode NT_FILE. A count or a string that does not fit ends the list: what was read before it is
 * returned and @p truncated_ret says so.
 *
 * @param[out] files_ret array, to be freed by the caller
 */
struct hc_error *hc_note_files(const struct hc_note *note, const struct hc_machine *machine,
			       struct hc_note_file **files_ret, size_t *num_ret,
			       bool *truncated_ret);

/** Value of one AT_* entry of an NT_AUXV payload; false when it is not there. */
bool hc_note_auxv(const struct hc_note *note, const struct hc_machine *machine, uint64_t type,
		  uint64_t *ret);

#endif
