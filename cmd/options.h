/**
 * @file
 * Command lines.
 *
 * Every option is a row in a table: the common ones and those of the selection here, a verb's own
 * beside the verb (verb.h). Parsing, --help, the manual pages and the completions of shells
 * (cmd/reference) all read the tables, so that none of them can know an option that another
 * doesn't. Options may stand before or after the positional arguments. Where a verb gives a letter
 * a meaning of its own (`grep -o`), the common option keeps its long name.
 */
#ifndef HC_CMD_OPTIONS_H
#define HC_CMD_OPTIONS_H

#include "analyzers/pattern/literal_set.h"
#include "analyzers/select/selection.h"
#include "cmd/render/output.h"
#include "cmd/render/render.h"

/** What completion can offer for a value. */
enum hc_value_kind {
	HC_VALUE_ANY,    /**< nothing: a number, an address, a pattern */
	HC_VALUE_FILE,   /**< a file or a directory that is read: never an output */
	HC_VALUE_OUTPUT, /**< a file that is written */
	HC_VALUE_DIR,    /**< a directory */
	HC_VALUE_WORD,   /**< one of the option's words, which need not be all that it takes */
	HC_VALUE_LIST,   /**< some of the option's words, with commas between them */
	HC_VALUE_CLASS,  /**< a content class; the program lists them */
};

/** A word that an option takes. @return NULL behind the last one */
typedef const char *hc_word_fn(unsigned i);

/** Print them all: "a, b, c". */
void hc_print_words(FILE *file, hc_word_fn *words);

/** Define the hc_word_fn @p name, which has these words. */
#define HC_WORDS(name, ...)                                                                        \
	static const char *name(unsigned i)                                                        \
	{                                                                                          \
		static const char *const words[] = {__VA_ARGS__};                                  \
		return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;                     \
	}

/** One option. A table of them ends with a row without a name. */
struct hc_option {
	int id;            /**< unique within its table */
	char letter;       /**< '\0': none */
	const char *name;  /**< long name */
	const char *value; /**< placeholder of its value; "[N]": optional; NULL: takes none */
	const char *help;  /**< what it does, without a full stop; see hc_option_help(). NULL: only
			      the manual has it */
	enum hc_value_kind kind; /**< of its value */
	hc_word_fn *words;       /**< of its value, for HC_VALUE_WORD and HC_VALUE_LIST */
	const char *more;        /**< sentences that the manual adds to @ref help; NULL: none */
	bool repeats;            /**< may be given several times */
};

struct hc_verb;

/** Most signature files and directories that can be named. */
#define HC_MAX_SIGNATURE_FILES 64

/** A parsed command line. Strings point into argv. */
struct hc_options {
	const struct hc_verb *verb;
	const char *core; /**< first positional argument */
	char **args;      /**< the others */
	int num_args;
	struct hc_process_options process;
	enum hc_format format;
	const char *output; /**< NULL: stdout */
	bool force;
	struct hc_inputs
		inputs; /**< CORE and the files that options name; more as they are opened */
	enum hc_content content;
	const char
		*signatures[HC_MAX_SIGNATURE_FILES]; /**< --signatures, then maybe a verb's own */
	unsigned num_signatures;
	enum hc_literal_engine prefilter; /**< of the classifier */
	enum hc_color_mode color;
	struct hc_choice choice; /**< of columns and their order */
	bool plain_bytes;        /**< bytes as numbers in text, too */
	bool full_names;         /**< of types and files, in text, too */
	bool quiet, verbose, help;
	struct hc_selection selection;
	bool selection_given; /**< any selection option */
	bool states_given;    /**< --state */
	uint64_t finding;     /**< --finding: number of a finding of analyze; 0: none */
	const char *suppress; /**< --suppress, of the numbers of findings: a file; NULL: none */
	void *own;            /**< the verb's struct, filled by its set() */
};

/**
 * Put the verb first, where common options stand before it: those are given their long names, since
 * a letter may mean something else to the verb.
 *
 * @param argv argv[0] is the first argument; reordered
 * @return @ref HC_ERROR_ARGUMENT when an option before the verb is none of the common ones, or
 * when no verb follows
 */
struct hc_error *hc_options_verb_first(int argc, char **argv);

/**
 * Parse the arguments after the verb.
 *
 * @param argv argv[0] is the verb; reordered
 * @return @ref HC_ERROR_ARGUMENT with one line for the user
 */
struct hc_error *hc_options_parse(const struct hc_verb *verb, int argc, char **argv,
				  struct hc_options *ret);
/**
 * The same for a command of a program that has options of its own: those of @p base about how a
 * core is read, about content, colour and remarks hold where @p argv has no others. What @p base
 * refers to must outlive @p ret.
 */
struct hc_error *hc_options_parse_within(const struct hc_options *base, const struct hc_verb *verb,
					 int argc, char **argv, struct hc_options *ret);

/** Whether a core that is opened with one is what it would be with the other. */
bool hc_options_read_alike(const struct hc_options *a, const struct hc_options *b);

void hc_options_deinit(struct hc_options *options);

/** @name The options of a verb, for those who describe them */
/**@{*/

/** Most options that one verb can have. */
#define HC_MAX_OPTIONS 64

enum hc_option_owner { HC_OWNER_VERB, HC_OWNER_SELECTION, HC_OWNER_COMMON };

/** An option as one verb has it. */
struct hc_verb_option {
	const struct hc_option *option;
	enum hc_option_owner owner;
	char letter; /**< '\0': none, or the verb means something else by it */
};

struct hc_verb_options {
	const struct hc_verb *verb; /**< whose; NULL: nobody's */
	struct hc_verb_option items[HC_MAX_OPTIONS];
	unsigned num;
};

/**
 * Every option that a verb takes: its own, then those of the selection, then the common ones.
 *
 * @param verb NULL: no verb's own, but all others, as they are where a verb changes nothing
 */
void hc_options_list(const struct hc_verb *verb, struct hc_verb_options *ret);

/** Its help, in which its words stand for "{words}". To be freed; NULL without memory. */
char *hc_option_help(const struct hc_option *option);

/** Whether the value may be left out. */
bool hc_option_is_optional(const struct hc_option *option);

/**
 * A word that an option of a verb takes: --format has only those formats that the verb has.
 *
 * @param verb NULL: any verb
 * @return NULL behind the last one
 */
const char *hc_option_word(const struct hc_verb *verb, const struct hc_option *option, unsigned i);
/**@}*/

/** As --signatures does. @ref HC_ERROR_ARGUMENT when there are too many */
struct hc_error *hc_options_add_signatures(struct hc_options *options, const char *path);

/** One of an option's words; @p ret is which. */
struct hc_error *hc_parse_word(const char *option, const char *text, hc_word_fn *words,
			       unsigned *ret);

/** A number of things: digits, with commas as output has them. */
struct hc_error *hc_parse_count(const char *option, const char *text, uint64_t *ret);
/** The value of --finding: a number from 1 on. */
struct hc_error *hc_parse_finding(const char *text, uint64_t *ret);

/** The value of a verb's --top before it is given: 20 rows in text, all of them elsewhere. */
#define HC_TOP_DEFAULT UINT64_MAX

/** How many of @p num rows --top shows; 0 means all of them. */
size_t hc_top_rows(uint64_t top, enum hc_format format, size_t num);

#endif
