/**
 * @file
 * heapcore common: what the chunks of a selection have in common.
 */
#include "cmd/common.h"

#include "cmd/render/escape.h"
#include "cmd/render/units.h"
#include "core/cleanup.h"

static json_t *bytes_json(struct hc_bytes bytes)
{
	hc_cleanup_free char *text = hc_escape(bytes, 0, 0);

	return hc_json_text(text);
}

static json_t *repeat_json(const struct hc_repeat *repeat, uint64_t counted)
{
	bool key = repeat->token.key_size;
	json_t *alike = json_array();
	struct hc_bytes name = {repeat->token.text.data, repeat->token.key_size};

	for (size_t i = 0; i < repeat->num_alike; i++)
		json_array_append_new(alike, bytes_json(repeat->alike[i]));
	return json_pack("{so ss so so so so so so so so}", "text", bytes_json(repeat->token.text),
			 "kind", hc_token_kind_name(repeat->token.kind), "cut",
			 json_boolean(repeat->token.cut), "key",
			 key ? bytes_json(name) : json_null(), "chunks",
			 hc_json_number(repeat->chunks), "share",
			 hc_json_share(hc_share(repeat->chunks, counted)), "key_tokens",
			 key ? hc_json_number(repeat->key_tokens) : json_null(), "values",
			 key ? hc_json_number(repeat->values) : json_null(), "bits",
			 key ? json_real(repeat->bits) : json_null(), "alike", alike);
}

json_t *hc_common_repeats_json(const struct hc_common *common)
{
	const struct hc_repeats *repeats = &common->repeats;
	json_t *ret = json_array();

	for (size_t i = 0; i < repeats->num; i++)
		json_array_append_new(ret, repeat_json(&repeats->items[i], repeats->counted));
	return ret;
}
