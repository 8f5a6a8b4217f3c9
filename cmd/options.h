/**
 * @file
 * Command lines.
 *
 * Every option is a row in a table: the common ones and those of the selection here, a verb's own
 * beside the verb (verb.h). Parsing and --help both read the tables, so that neither can know an
 * option that the other doesn't. Options may stand before or after the positional arguments. Where
 * a verb gives a letter a meaning of its own
 * (`grep -o`), the common option keeps its long name.
 */
#ifndef HC_CMD_OPTIONS_H
#define HC_CMD_OPTIONS_H

#include "analyzers/pattern/literal_set.h"
#include "analyzers/select/selection.h"
#include "cmd/render/output.h"
#include "cmd/render/table.h"

/** One option. A table of them ends with a row without a name. */
struct hc_option {
	int id;            /**< unique within its table */
	char letter;       /**< '\0': none */
	const char *name;  /**< long name */
	const char *value; /**< placeholder of its value; "[N]": optional; NULL: takes none */
	const char *help; /**< what it does, without a full stop; NULL: --help is silent about it */
	bool input;       /**< its value names a file that is read: never an output */
};

enum hc_format { HC_FORMAT_TEXT, HC_FORMAT_JSON, HC_FORMAT_CSV, HC_FORMAT_HEX, HC_NUM_FORMATS };

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
	bool quiet, verbose, help;
	struct hc_selection selection;
	bool selection_given; /**< any selection option */
	bool states_given;    /**< --state */
	void *own;            /**< the verb's struct, filled by its set() */
};

/**
 * Parse the arguments after the verb.
 *
 * @param argv argv[0] is the verb; reordered
 * @return @ref HC_ERROR_ARGUMENT with one line for the user
 */
struct hc_error *hc_options_parse(const struct hc_verb *verb, int argc, char **argv,
				  struct hc_options *ret);
void hc_options_deinit(struct hc_options *options);

/** Print what a verb does and its options, in 80 columns. */
void hc_options_help(const struct hc_verb *verb, FILE *file);

/** As --signatures does. @ref HC_ERROR_ARGUMENT when there are too many */
struct hc_error *hc_options_add_signatures(struct hc_options *options, const char *path);

/** A plain number of things. */
struct hc_error *hc_parse_count(const char *option, const char *text, uint64_t *ret);

/** The value of a verb's --top before it is given: 20 rows in text, all of them elsewhere. */
#define HC_TOP_DEFAULT UINT64_MAX

/** How many of @p num rows --top shows; 0 means all of them. */
size_t hc_top_rows(uint64_t top, enum hc_format format, size_t num);

#endif
