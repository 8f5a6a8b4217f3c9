/**
 * @file
 * The schemas in docs/schema say what the tables of verbs say: names, types, descriptions.
 *
 * A table of a document is an array under its shape's key, wherever that is; one that is written in
 * JSON Lines has its columns in the variants of a line. What documents say outside of tables,
 * tests/e2e compare with real output.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/render/json.h"
#include "cmd/verb.h"
#include "tests/unit/unit.h"

static json_t *load_schema(const char *verb)
{
	char path[256];
	json_error_t error;

	snprintf(path, sizeof(path), "%s/docs/schema/heapcore.%s.json", HC_SOURCE_ROOT, verb);
	json_t *ret = json_load_file(path, 0, &error);
	if (!ret)
		fail_msg("%s:%d: %s", path, error.line, error.text);
	return ret;
}

/** The array under @p key, however deep. Borrowed; NULL when there is none. */
static json_t *find_rows(json_t *schema, const char *key)
{
	json_t *found = json_object_get(json_object_get(json_object_get(schema, "properties"), key),
					"items");
	const char *name;
	json_t *child;
	size_t i;

	if (json_object_get(found, "properties"))
		return found;
	found = NULL;
	json_object_foreach(schema, name, child)
	{
		if (!found)
			found = find_rows(child, key);
	}
	json_array_foreach(schema, i, child)
	{
		if (!found)
			found = find_rows(child, key);
	}
	return found;
}

/** A type that may be null: what it is beside that. Borrowed. */
static json_t *not_null(json_t *type)
{
	json_t *options = json_object_get(type, "oneOf"), *option;
	size_t i;

	json_array_foreach(options, i, option)
	{
		const char *name = json_string_value(json_object_get(option, "type"));
		if (!name || strcmp(name, "null"))
			return option;
	}
	return type;
}

/** Whether "type" is, or may be, this one. */
static bool has_type(json_t *type, const char *name)
{
	json_t *types = json_object_get(type, "type"), *option;
	size_t i;

	if (json_is_string(types))
		return !strcmp(json_string_value(types), name);
	json_array_foreach(types, i, option)
	{
		if (!strcmp(json_string_value(option), name))
			return true;
	}
	return false;
}

static bool refers_to(json_t *type, const char *def)
{
	const char *ref = json_string_value(json_object_get(type, "$ref"));

	return ref && !strncmp(ref, "#/$defs/", 8) && !strcmp(ref + 8, def);
}

static bool fits(json_t *property, enum hc_cell_kind kind)
{
	json_t *type = not_null(property);

	switch (kind) {
	case HC_CELL_COUNT:
	case HC_CELL_BYTES:
	case HC_CELL_NUMBER:
		return refers_to(type, "size") || has_type(type, "integer");
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
		return has_type(type, "integer");
	case HC_CELL_ADDRESS:
		return refers_to(type, "address");
	case HC_CELL_ARENA:
		return refers_to(type, "arena");
	case HC_CELL_SHARE:
		return refers_to(type, "share");
	case HC_CELL_BOOL:
		return has_type(type, "boolean");
	case HC_CELL_LIST:
		return has_type(type, "array");
	default:
		return has_type(type, "string") || json_object_get(type, "enum") ||
		       refers_to(type, "state") || refers_to(type, "reach") ||
		       refers_to(type, "text");
	}
}

static void check_column(const char *verb, const struct hc_column *column, json_t *property)
{
	const char *description = json_string_value(json_object_get(property, "description"));

	if (!property)
		fail_msg("%s: %s is not in the schema", verb, column->name);
	if (!fits(property, column->kind))
		fail_msg("%s: %s has another type in the schema", verb, column->name);
	if (!column->help || !description || strcmp(description, column->help))
		fail_msg("%s: %s is \"%s\" in help, \"%s\" in the schema", verb, column->name,
			 column->help ? column->help : "", description ? description : "");
}

static void check_table(const char *verb, const struct hc_shape *shape, json_t *rows)
{
	json_t *properties = json_object_get(rows, "properties"), *property;
	struct hc_column_list columns;
	const char *name;

	assert_ok(hc_choose_columns(shape, 0, NULL, HC_MEDIUM_JSON, &columns));
	for (unsigned i = 0; i < columns.num; i++) {
		const struct hc_column *column = &shape->columns[columns.items[i]];
		check_column(verb, column, json_object_get(properties, column->name));
	}
	if (shape->more)
		return;
	json_object_foreach(properties, name, property)
	{
		bool known = false;
		for (unsigned i = 0; i < columns.num; i++)
			known |= !strcmp(shape->columns[columns.items[i]].name, name);
		if (!known)
			fail_msg("%s: the schema's %s is no column", verb, name);
	}
}

/** Whether all that a variant of a line has is a column. */
static bool is_row(const struct hc_shape *shape, json_t *properties)
{
	const char *name;
	json_t *property;

	json_object_foreach(properties, name, property)
	{
		bool known = false;
		for (unsigned c = 0; c < shape->num_columns; c++)
			known |= !strcmp(shape->columns[c].name, name);
		if (!known)
			return false;
	}
	return json_object_size(properties) > 0;
}

/** Rows of JSON Lines: each column is in a variant that has nothing else. */
static void check_lines(const char *verb, const struct hc_shape *shape, json_t *schema)
{
	struct hc_column_list columns;

	assert_ok(hc_choose_columns(shape, 0, NULL, HC_MEDIUM_JSON, &columns));
	for (unsigned i = 0; i < columns.num; i++) {
		const struct hc_column *column = &shape->columns[columns.items[i]];
		json_t *found = NULL, *variant;
		size_t k;

		/* A string has no groups and nothing around it; its CSV has grep's columns. */
		if (!strcmp(verb, "strings") &&
		    (!strcmp(column->name, "group") || !strcmp(column->name, "context") ||
		     !strcmp(column->name, "line")))
			continue;
		json_array_foreach(json_object_get(schema, "oneOf"), k, variant)
		{
			json_t *properties = json_object_get(variant, "properties");
			if (!found && is_row(shape, properties))
				found = json_object_get(properties, column->name);
		}
		check_column(verb, column, found);
	}
}

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; hc_verbs[i]; i++) {
		/* A report has the tables of others. */
		if (!hc_verbs[i]->tables)
			continue;
		json_t *schema = load_schema(hc_verbs[i]->name);
		bool lines = json_object_get(schema, "oneOf");

		for (const struct hc_shape *const *shape = hc_verbs[i]->tables; *shape; shape++) {
			json_t *rows = (*shape)->key ? find_rows(schema, (*shape)->key) : NULL;
			/* Rows that are not kept have no key. */
			if (lines && ((*shape)->key || shape == hc_verbs[i]->tables))
				check_lines(hc_verbs[i]->name, *shape, schema);
			else if (!lines && (*shape)->key && !rows)
				fail_msg("%s: no %s in the schema", hc_verbs[i]->name,
					 (*shape)->key);
			else if (rows)
				check_table(hc_verbs[i]->name, *shape, rows);
		}
		json_decref(schema);
	}
}

/** Every column can be asked for, and says what it is, in one name only. */
static void test_columns(void **state)
{
	(void)state;
	for (size_t i = 0; hc_verbs[i]; i++) {
		for (const struct hc_shape *const *shape = hc_verbs[i]->tables; shape && *shape;
		     shape++) {
			for (unsigned a = 0; a < (*shape)->num_columns; a++) {
				const struct hc_column *column = &(*shape)->columns[a];
				if (!column->name || !*column->name || !column->help ||
				    !*column->help)
					fail_msg("%s: column %u has no name or no help",
						 hc_verbs[i]->name, a);
				for (unsigned b = 0; b < a; b++)
					assert_string_not_equal(column->name,
								(*shape)->columns[b].name);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
