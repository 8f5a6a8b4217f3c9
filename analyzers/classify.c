/**
 * @file
 * The classes and the order in which they are tried.
 *
 * Speed comes from not calling PCRE2: a chunk without a run of text never gets there, and a run
 * only meets the patterns that may begin with its first byte and whose required literal it holds.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "analyzers/classify.h"

#include <pcre2.h>

#include "analyzers/structure.h"
#include "core/cleanup.h"
#include "core/parallel.h"

/** The built-in classes, in the order of precedence; "other" is none of them. */
enum {
	CLASS_ZERO = HC_CLASS_OTHER + 1,
	CLASS_HTTP_REQUEST,
	CLASS_HTTP_RESPONSE,
	CLASS_REDIS_COMMAND,
	CLASS_FORM_DATA,
	CLASS_JSON,
	CLASS_MARKUP,
	CLASS_SQL,
	CLASS_KEY,
	CLASS_TEXT,
	CLASS_UTF8,
	CLASS_POINTERS,
	CLASS_SMALL_INTS,
	CLASS_RANDOM,
	NUM_CLASSES
};

static const struct hc_class classes[NUM_CLASSES] = {
	[CLASS_ZERO] = {"zero", "all zero", "Every byte of the chunk is 0.", false},
	[CLASS_HTTP_REQUEST] = {"http-request", "HTTP request",
				   "An HTTP/1 request line: method, target, version.", true},
	[CLASS_HTTP_RESPONSE] = {"http-response", "HTTP response",
				    "An HTTP/1 status line: version and status code.", true},
	[CLASS_REDIS_COMMAND] =
		{"redis-command", "Redis command",
		 "A RESP array of bulk strings, or an inline command with its key.", true},
	[CLASS_FORM_DATA] = {"form-data", "form data",
				"At least two name=value pairs joined by &.", true},
	[CLASS_JSON] = {"json", "JSON",
			   "A JSON object or array, or the beginning of one, with some content.",
			   true},
	[CLASS_MARKUP] = {"markup", "XML/HTML",
			     "An XML or HTML prolog, or an element that is closed.", true},
	[CLASS_SQL] = {"sql", "SQL",
			  "A statement with its second keyword: SELECT … FROM, INSERT INTO, "
			  "UPDATE … SET and the like.",
			  true},
	[CLASS_KEY] =
		{"key", "Redis-like key",
		 "One word of at most 256 bytes in parts joined by colons: user:1234:cart.", true},
	[CLASS_TEXT] = {"text", "text", "Printable ASCII that makes up the chunk.", true},
	[CLASS_UTF8] = {"utf8", "UTF-8 text", "Printable text with characters beyond ASCII.",
			   true},
	[CLASS_POINTERS] = {"pointers", "pointers only",
			       "Words that are NULL or addresses of mapped memory.", false},
	[CLASS_SMALL_INTS] = {"small-ints", "small integers",
				 "32-bit or 64-bit integers below 65,536 in magnitude.", false},
	[CLASS_RANDOM] = {"random", "compressed or random",
			     "At least 64 bytes whose values are spread like noise.", false},
	[HC_CLASS_OTHER] = {"other", "other binary", "None of the other classes.", false},
};

struct hc_signatures {
	char none; /* nothing yet: the set is the same for all */
};

struct hc_error *hc_signatures_create(struct hc_signatures **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? NULL : &hc_enomem;
}

void hc_signatures_destroy(struct hc_signatures *signatures)
{
	free(signatures);
}

size_t hc_signatures_num_classes(const struct hc_signatures *signatures __attribute__((unused)))
{
	return NUM_CLASSES;
}

const struct hc_class *
hc_signatures_class(const struct hc_signatures *signatures __attribute__((unused)), hc_class_id id)
{
	return &classes[id];
}

hc_class_id hc_signatures_find(const struct hc_signatures *signatures __attribute__((unused)),
			       const char *name)
{
	for (hc_class_id i = 0; i < NUM_CLASSES; i++) {
		if (strcmp(classes[i].name, name) == 0)
			return i;
	}
	return HC_CLASS_NONE;
}

/* --- Patterns --- */

#define LETTERS_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LETTERS_LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define SPACES " \t\r\n"

/** Bytes of a name, and of a value, in form data. */
#define FORM_NAME "[A-Za-z0-9_.%+\\-\\[\\]]{1,64}+"
#define FORM_VALUE "[A-Za-z0-9_.~%+*/:@,;!$'()\\[\\]{}|-]*+"

/** Redis commands on keys that are English words too: these want a key with a colon, or CRLF. */
#define REDIS_PLAIN                                                                                \
	"(?:GET|SET|DEL|EXISTS|EXPIRE|TTL|INCR|DECR|APPEND|PERSIST|UNLINK|TYPE|TOUCH|PUBLISH|"     \
	"SUBSCRIBE|STRLEN|WATCH)"
#define REDIS_DISTINCT                                                                             \
	"(?:HGET|HSET|HSETNX|HMGET|HMSET|HGETALL|HDEL|HINCRBY|HEXISTS|HKEYS|HVALS|HLEN|LPUSH|"     \
	"RPUSH|LPOP|RPOP|LRANGE|LLEN|LTRIM|LINDEX|SADD|SREM|SMEMBERS|SISMEMBER|SCARD|SPOP|SUNION|" \
	"SINTER|ZADD|ZREM|ZRANGE|ZRANGEBYSCORE|ZREVRANGE|ZSCORE|ZINCRBY|ZCARD|ZRANK|MGET|MSET|"    \
	"SETEX|PSETEX|SETNX|GETSET|GETEX|INCRBY|INCRBYFLOAT|DECRBY|PEXPIRE|EXPIREAT|PEXPIREAT|"    \
	"PTTL|XADD|XREAD|XRANGE|PFADD|PFCOUNT|EVALSHA)"

/**
 * Statements, in upper and in lower case. Mixed case is more often prose ("Select one from the
 * list").
 */
#define SQL_UPPER                                                                                  \
	"\\A\\s*+(?:SELECT\\s[\\s\\S]{1,2000}?\\sFROM\\s+[A-Za-z_\"`(%\\[]|"                       \
	"(?:INSERT|REPLACE)\\s+(?:OR\\s+[A-Z]+\\s+)?INTO\\s+\\S|"                                  \
	"UPDATE\\s+(?:OR\\s+[A-Z]+\\s+)?[^\\s=]+\\s+SET\\s+[^=]{1,128}=|"                          \
	"DELETE\\s+FROM\\s+\\S|"                                                                   \
	"CREATE\\s+(?:(?:TEMP|TEMPORARY|UNIQUE|VIRTUAL|OR\\s+REPLACE)\\s+)*+"                      \
	"(?:TABLE|INDEX|VIEW|TRIGGER)\\s+\\S|"                                                     \
	"ALTER\\s+TABLE\\s+\\S|DROP\\s+(?:TABLE|INDEX|VIEW|TRIGGER)\\s+\\S|"                       \
	"WITH\\s+(?:RECURSIVE\\s+)?[A-Za-z_]\\w*\\s*(?:\\([^()]*\\)\\s*)?AS\\s*\\()"
#define SQL_LOWER                                                                                  \
	"\\A(?=[\\s\\S]*[*=();?])\\s*+(?:"                                                         \
	"select\\s[\\s\\S]{1,2000}?\\sfrom\\s+[a-z_\"`(%\\[]|"                                     \
	"(?:insert|replace)\\s+(?:or\\s+[a-z]+\\s+)?into\\s+\\S+\\s*(?:\\(|values|select)|"        \
	"update\\s+[^\\s=]+\\s+set\\s+[^=\\s]{1,128}\\s*=|"                                        \
	"delete\\s+from\\s+\\S+(?:\\s+where\\s|\\s*;|\\s*\\z)|"                                    \
	"create\\s+(?:(?:temp|temporary|unique|virtual)\\s+)*+table\\s+[^\\s(]+\\s*\\()"

/**
 * A key is one word in parts joined by single colons. It begins with a letter, which leaves out
 * times of day. Not keys: scopes (a::b), MAC and IPv6 addresses, URLs, search paths (a part that
 * begins with '/', '.' or '~'), and places in source files.
 */
#define KEY                                                                                        \
	"\\A(?!(?:[0-9A-Fa-f]{1,4}:){3,}[0-9A-Fa-f]{1,4}\\z)"                                      \
	"(?!(?:https?|wss?|ftp|mailto|urn|data|file|tcp|udp|unix|jdbc|redis|about|javascript|tel)" \
	":)"                                                                                       \
	"(?![^:]*\\.(?:c|cc|cpp|cxx|h|hpp|S|py|pl|pm|rb|js|ts|java|go|rs|lua|sh|so)(?:\\.[0-9]+)*" \
	":)"                                                                                       \
	"[A-Za-z_][A-Za-z0-9_.{}@+#$-]{0,63}+"                                                     \
	"(?::(?![/.~])[A-Za-z0-9_.{}@+#$/|*-]{1,128}+)++\\z"

/** What a run of text is to its chunk, from the least. */
enum place {
	ANYWHERE, /**< it only is there: what it says must be proof enough */
	FIELD,    /**< a string in a struct (hc_run_is_field()) */
	WHOLE,    /**< what the chunk holds (hc_run_is_text()) */
};

/** One pattern of a class. The subject is one run of text: \A and \z are its ends. */
struct class_pattern {
	hc_class_id class;
	const char *text;
	const char *first;   /**< bytes that it may begin with; NULL: any */
	const char *literal; /**< what the run must hold; NULL: nothing */
	size_t max_size;     /**< longer runs don't match; 0: no bound */
	enum place place;    /**< the least that the run must be */
};

/** By class, in the order of precedence. JSON, text and UTF-8 are functions and come in between. */
static const struct class_pattern class_patterns[] = {
	{CLASS_HTTP_REQUEST,
	 "\\A[^\\r\\n]{0,8}?(?<![A-Za-z])([A-Z]{3,16} [^\\x00-\\x20\\x7f]{1,4000} HTTP/1\\.[01])"
	 "(?=[\\r\\n]|\\z)",
	 NULL, " HTTP/1.", 0, ANYWHERE},
	{CLASS_HTTP_RESPONSE, "\\AHTTP/1\\.[01] [1-5][0-9]{2}(?:[ \\r\\n]|\\z)", "H", "HTTP/1.",
	 0, ANYWHERE},
	{CLASS_REDIS_COMMAND,
	 "\\A\\*[1-9][0-9]{0,6}\\r\\n\\$[0-9]{1,9}\\r\\n[A-Za-z_.|-]{2,24}(?:\\r|\\z)", "*",
	 "\r\n$", 0, ANYWHERE},
	{CLASS_REDIS_COMMAND,
	 "\\A(?:" REDIS_DISTINCT " [!-~]{1,512}+(?: [ -~]{0,2048})?(?:\\r?\\n|\\z)|" REDIS_PLAIN
	 " (?!/)(?:(?![!-~]*://)[!-~]+:[!-~]+(?: [ -~]{0,2048})?(?:\\r?\\n|\\z)|[!-~]{1,512}+"
	 "(?: [ -~]{0,2048})?\\r\\n))",
	 LETTERS_UPPER, " ", 0, WHOLE},
	{CLASS_FORM_DATA,
	 "\\A" FORM_NAME "=" FORM_VALUE "(?:&" FORM_NAME "=" FORM_VALUE ")++(?:&[^=&\\s]{0,64})?"
	 "(?:[\\r\\n]|\\z)",
	 NULL, "&", 0, WHOLE},
	{CLASS_MARKUP,
	 "\\A\\s*+(?:<\\?xml\\s|<!(?i:DOCTYPE)\\s|<!--|<[A-Za-z][A-Za-z0-9:._-]{0,63}+"
	 "(?:\\s[^<>]{0,2048})?(?:/>|(?<=/)>|>[\\s\\S]*?(?:</[A-Za-z]|/>)))",
	 "<" SPACES, "<", 0, ANYWHERE},
	{CLASS_SQL, SQL_UPPER, "SIRUDCAW" SPACES, " ", 0, ANYWHERE},
	{CLASS_SQL, SQL_LOWER, "siruwdc" SPACES, " ", 0, ANYWHERE},
	{CLASS_KEY, KEY, LETTERS_UPPER LETTERS_LOWER "_", ":", 256, FIELD},
};

#define NUM_PATTERNS (sizeof(class_patterns) / sizeof(class_patterns[0]))

struct hc_classifier {
	const struct hc_signatures *signatures;
	pcre2_code *codes[NUM_PATTERNS];
	bool jit[NUM_PATTERNS];
	uint32_t first[256];     /**< bit per pattern that may begin with the byte */
	struct hc_ranges mapped; /**< what a pointer may point to */
	unsigned word_size;
};

struct hc_classifier_scratch {
	pcre2_match_data *data;
	pcre2_match_context *context;
};

/** No pattern above needs more; hostile text can't make one slow. */
#define CLASS_MATCH_LIMIT 100000

void hc_classifier_destroy(struct hc_classifier *classifier)
{
	if (!classifier)
		return;
	for (size_t i = 0; i < NUM_PATTERNS; i++)
		pcre2_code_free(classifier->codes[i]);
	free(classifier->mapped.items);
	free(classifier);
}

static void classifier_destroyp(struct hc_classifier **classifier)
{
	hc_classifier_destroy(*classifier);
}

static struct hc_error *compile_pattern(struct hc_classifier *classifier, size_t i)
{
	const struct class_pattern *pattern = &class_patterns[i];
	int code;
	PCRE2_SIZE offset;

	classifier->codes[i] = pcre2_compile((PCRE2_SPTR)pattern->text, PCRE2_ZERO_TERMINATED,
					     PCRE2_NEVER_UTF, &code, &offset, NULL);
	if (!classifier->codes[i]) {
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "pattern of class %s: PCRE2 error %d at offset %zu",
				       classes[pattern->class].name, code, (size_t)offset);
	}
	classifier->jit[i] = pcre2_jit_compile(classifier->codes[i], PCRE2_JIT_COMPLETE) == 0;
	for (unsigned byte = 1; byte < 256; byte++) {
		if (!pattern->first || strchr(pattern->first, byte))
			classifier->first[byte] |= UINT32_C(1) << i;
	}
	return NULL;
}

/** Remember what is mapped and accessible, neighbours merged. */
static struct hc_error *collect_mapped(struct hc_classifier *classifier,
				       const struct hc_mappings *mappings)
{
	struct hc_ranges *mapped = &classifier->mapped;

	mapped->items = calloc(mappings->num ? mappings->num : 1, sizeof(*mapped->items));
	if (!mapped->items)
		return &hc_enomem;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];

		if (!mapping->flags)
			continue;
		if (mapped->num && mapped->items[mapped->num - 1].end == mapping->start)
			mapped->items[mapped->num - 1].end = mapping->end;
		else
			mapped->items[mapped->num++] =
				(struct hc_range){mapping->start, mapping->end};
	}
	return NULL;
}

struct hc_error *hc_classifier_create(const struct hc_process *process, const struct hc_heap *heap,
				      const struct hc_signatures *signatures,
				      struct hc_classifier **ret)
{
	hc_cleanup(classifier_destroyp) struct hc_classifier *classifier =
		calloc(1, sizeof(*classifier));

	if (!classifier)
		return &hc_enomem;
	classifier->signatures = signatures;
	classifier->word_size = heap ? heap->word_size : process->memory.word_size;
	for (size_t i = 0; i < NUM_PATTERNS; i++) {
		struct hc_error *err = compile_pattern(classifier, i);
		if (err)
			return err;
	}

	struct hc_error *err = collect_mapped(classifier, &process->mappings);
	if (err)
		return err;
	*ret = hc_steal(classifier);
	return NULL;
}

const struct hc_signatures *hc_classifier_signatures(const struct hc_classifier *classifier)
{
	return classifier->signatures;
}

const struct hc_class *hc_class_of(const struct hc_classifier *classifier, hc_class_id class)
{
	return hc_signatures_class(classifier->signatures, class);
}

void hc_classifier_scratch_destroy(struct hc_classifier_scratch *scratch)
{
	if (!scratch)
		return;
	pcre2_match_data_free(scratch->data);
	pcre2_match_context_free(scratch->context);
	free(scratch);
}

struct hc_error *hc_classifier_scratch_create(const struct hc_classifier *classifier,
					      struct hc_classifier_scratch **ret)
{
	struct hc_classifier_scratch *scratch = calloc(1, sizeof(*scratch));

	(void)classifier;
	if (!scratch)
		return &hc_enomem;
	scratch->data = pcre2_match_data_create(2, NULL);
	scratch->context = pcre2_match_context_create(NULL);
	if (!scratch->data || !scratch->context) {
		hc_classifier_scratch_destroy(scratch);
		return &hc_enomem;
	}
	pcre2_set_match_limit(scratch->context, CLASS_MATCH_LIMIT);
	*ret = scratch;
	return NULL;
}

/* --- One chunk --- */

/** What was recognised, and where in the chunk the text of it lies. */
struct recognised {
	hc_class_id class;
	size_t start, size;
};

/** @param[out] start_ret where in the run the recognised text starts */
static bool pattern_matches(const struct hc_classifier *classifier,
			    struct hc_classifier_scratch *scratch, size_t i, struct hc_bytes text,
			    size_t *start_ret)
{
	const struct class_pattern *pattern = &class_patterns[i];
	int found;

	if (pattern->max_size && text.size > pattern->max_size)
		return false;
	if (pattern->literal &&
	    !memmem(text.data, text.size, pattern->literal, strlen(pattern->literal)))
		return false;
	if (classifier->jit[i])
		found = pcre2_jit_match(classifier->codes[i], text.data, text.size, 0, 0,
					scratch->data, scratch->context);
	else
		found = pcre2_match(classifier->codes[i], text.data, text.size, 0, 0, scratch->data,
				    scratch->context);
	if (found < 0)
		return false;
	*start_ret = found >= 2 ? pcre2_get_ovector_pointer(scratch->data)[2] : 0;
	return true;
}

/** The class that the patterns and JSON give a run, before @p worst; else @p worst. */
static hc_class_id match_run(const struct hc_classifier *classifier,
				  struct hc_classifier_scratch *scratch, struct hc_bytes text,
				  enum place place, hc_class_id worst, size_t *start_ret)
{
	uint32_t bits = classifier->first[text.data[0]];
	bool json_tried = !memchr("{[" SPACES, text.data[0], 6);

	*start_ret = 0;
	for (; bits; bits &= bits - 1) {
		size_t i = __builtin_ctz(bits);
		const struct class_pattern *pattern = &class_patterns[i];

		if (!json_tried && pattern->class > CLASS_JSON) {
			json_tried = true;
			if (hc_class_precedes(CLASS_JSON, worst) && hc_is_json(text))
				return CLASS_JSON;
		}
		if (!hc_class_precedes(pattern->class, worst))
			return worst;
		if (place >= pattern->place &&
		    pattern_matches(classifier, scratch, i, text, start_ret))
			return pattern->class;
	}
	if (!json_tried && hc_class_precedes(CLASS_JSON, worst) && hc_is_json(text))
		return CLASS_JSON;
	return worst;
}

/**
 * A short sds string of Redis has its length, times eight, in the byte before the text, which may
 * itself look like text. Step over it when it can't be the first character of a key.
 */
static void strip_sds_length(struct hc_bytes window, struct hc_text_run *run)
{
	uint8_t first = window.data[run->start];
	uint8_t lower = first | 0x20;

	if (run->size > HC_TEXT_MIN_SIZE && first == (run->size - 1) << 3 &&
	    !(lower >= 'a' && lower <= 'z')) {
		run->start++;
		run->size--;
	}
}

static enum place place_of_run(const struct hc_classifier *classifier, struct hc_bytes window,
			       const struct hc_text_run *run)
{
	if (hc_run_is_text(window, run, &classifier->mapped, classifier->word_size))
		return WHOLE;
	if (hc_run_is_field(window, run, &classifier->mapped, classifier->word_size))
		return FIELD;
	return ANYWHERE;
}

/** The best class that the runs of text give a window; HC_CLASS_OTHER when there is none. */
static struct recognised recognise_text(const struct hc_classifier *classifier,
					struct hc_classifier_scratch *scratch,
					struct hc_bytes window)
{
	struct hc_text_run runs[HC_MAX_TEXT_RUNS];
	size_t num = hc_text_runs(window, runs);
	struct recognised best = {.class = HC_CLASS_OTHER};

	for (size_t i = 0; i < num; i++) {
		struct hc_text_run *run = &runs[i];
		enum place place = place_of_run(classifier, window, run);
		hc_class_id worst = best.class;
		size_t start;

		/* What lies behind a text is slack, not a field. */
		if (place == FIELD && best.class != HC_CLASS_OTHER)
			place = ANYWHERE;
		if (run->ended)
			strip_sds_length(window, run);
		if (place == WHOLE && hc_class_precedes(CLASS_UTF8, worst))
			worst = run->utf8 ? CLASS_UTF8 : CLASS_TEXT;

		struct hc_bytes text = {window.data + run->start, run->size};
		hc_class_id class = match_run(classifier, scratch, text, place, worst, &start);
		if (hc_class_precedes(class, best.class))
			best = (struct recognised){class, run->start + start, run->size - start};
	}
	return best;
}

static hc_class_id recognise_binary(const struct hc_classifier *classifier,
					 struct hc_bytes window)
{
	if (hc_is_pointers(window, &classifier->mapped, classifier->word_size))
		return CLASS_POINTERS;
	if (hc_is_small_ints(window))
		return CLASS_SMALL_INTS;
	if (hc_is_random(window))
		return CLASS_RANDOM;
	return HC_CLASS_OTHER;
}

static struct hc_bytes window_of(struct hc_bytes bytes)
{
	if (bytes.size > HC_CLASSIFY_WINDOW)
		bytes.size = HC_CLASSIFY_WINDOW;
	return bytes;
}

hc_class_id hc_classify(const struct hc_classifier *classifier,
			     struct hc_classifier_scratch *scratch, struct hc_bytes bytes)
{
	struct hc_bytes window = window_of(bytes);

	if (hc_is_zero(bytes))
		return CLASS_ZERO;

	struct recognised text = recognise_text(classifier, scratch, window);
	if (text.class != HC_CLASS_OTHER)
		return text.class;
	return recognise_binary(classifier, window);
}

struct hc_bytes hc_class_sample(const struct hc_classifier *classifier,
				struct hc_classifier_scratch *scratch, hc_class_id class,
				struct hc_bytes bytes)
{
	if (!hc_class_of(classifier, class)->textual)
		return bytes;

	struct recognised text = recognise_text(classifier, scratch, window_of(bytes));
	if (text.class != class)
		return bytes;
	return (struct hc_bytes){bytes.data + text.start, text.size};
}

/* --- All chunks --- */

/** Heap bytes of one task. */
#define SLICE_BYTES (4u << 20)

struct classify_worker {
	struct hc_classifier_scratch *classifier;
	struct hc_selection_scratch *selection;
	struct hc_class_table table;
};

struct classify_run {
	const struct hc_heap *heap;
	const struct hc_selection *selection;
	const struct hc_classifier *classifier;
	struct hc_slice *slices;
	struct classify_worker *workers;
	unsigned jobs;
};

static void classify_run_deinit(struct classify_run *run)
{
	for (unsigned i = 0; run->workers && i < run->jobs; i++) {
		hc_classifier_scratch_destroy(run->workers[i].classifier);
		hc_selection_scratch_destroy(run->workers[i].selection);
	}
	free(run->workers);
	free(run->slices);
}

static bool is_leaked(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	return heap->reach_known && chunk->state == HC_IN_USE &&
	       (HC_REACH_LEAKED >> chunk->reach & 1);
}

static void count_chunk(struct hc_class_count *count, const struct hc_chunk *chunk, bool leaked)
{
	count->all.chunks++;
	count->all.bytes += chunk->size;
	if (leaked) {
		count->leaked.chunks++;
		count->leaked.bytes += chunk->size;
	}
	if (!count->sample || chunk->address < count->sample)
		count->sample = chunk->address;
}

static struct hc_error *classify_slice(void *ctx, unsigned index, size_t task)
{
	struct classify_run *run = ctx;
	struct classify_worker *worker = &run->workers[index];
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	hc_chunk_iter_slice(&iter, run->heap, run->slices[task]);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (!hc_selection_has(run->selection, run->heap, &chunk, worker->selection))
			continue;

		hc_class_id class = hc_classify(run->classifier, worker->classifier,
						     hc_chunk_bytes(run->heap, &chunk));
		count_chunk(&worker->table.classes[class], &chunk, is_leaked(run->heap, &chunk));
	}
	return NULL;
}

static void add_count(struct hc_count *to, const struct hc_count *from)
{
	to->chunks += from->chunks;
	to->bytes += from->bytes;
}

/** Sums and the lowest address: the same in whatever order threads worked. */
static void merge_table(struct hc_class_table *to, const struct hc_class_table *from)
{
	for (unsigned i = 0; i < HC_MAX_CLASSES; i++) {
		struct hc_class_count *count = &to->classes[i];
		const struct hc_class_count *more = &from->classes[i];

		add_count(&count->all, &more->all);
		add_count(&count->leaked, &more->leaked);
		add_count(&to->total, &more->all);
		if (more->sample && (!count->sample || more->sample < count->sample))
			count->sample = more->sample;
	}
}

static struct hc_error *create_workers(struct classify_run *run)
{
	run->workers = calloc(run->jobs, sizeof(*run->workers));
	if (!run->workers)
		return &hc_enomem;
	for (unsigned i = 0; i < run->jobs; i++) {
		struct classify_worker *worker = &run->workers[i];
		struct hc_error *err =
			hc_classifier_scratch_create(run->classifier, &worker->classifier);

		if (!err)
			err = hc_selection_scratch_create(run->selection, &worker->selection);
		if (err)
			return err;
	}
	return NULL;
}

struct hc_error *hc_classify_run(const struct hc_process *process, const struct hc_heap *heap,
				 const struct hc_classifier *classifier,
				 const struct hc_selection *selection, struct hc_class_table *ret)
{
	struct hc_selection all;
	hc_cleanup(classify_run_deinit) struct classify_run run = {
		.heap = heap,
		.selection = selection ? selection : &all,
		.classifier = classifier,
		.jobs = process->jobs,
	};
	size_t num;

	hc_selection_init(&all);

	struct hc_error *err = create_workers(&run);
	if (!err)
		err = hc_heap_slices(heap, SLICE_BYTES, &run.slices, &num);
	if (!err)
		err = hc_parallel_for(run.jobs, num, classify_slice, &run);
	if (err)
		return err;

	struct hc_class_table table = {.has_leaked = heap->reach_known};
	for (unsigned i = 0; i < run.jobs; i++)
		merge_table(&table, &run.workers[i].table);
	*ret = table;
	return NULL;
}
