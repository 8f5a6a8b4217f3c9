/**
 * @file
 * The built-in content classes at work on a made-up process.
 */
#ifndef HC_TESTS_FAKE_CLASSES_H
#define HC_TESTS_FAKE_CLASSES_H

#include "tests/unit/fake_heap.h"

#include "analyzers/content/classifier.h"

struct fake_classes {
	struct hc_signatures *signatures;
	struct hc_classifier *classifier;
};

static inline void fake_classes_init(struct fake_classes *classes, const struct fake *fake)
{
	assert_null(hc_signatures_create(NULL, 0, &classes->signatures));
	assert_null(hc_classifier_create(&fake->process, fake->heap, classes->signatures,
					 HC_LITERALS_AUTO, &classes->classifier));
}

static inline void fake_classes_deinit(struct fake_classes *classes)
{
	hc_classifier_destroy(classes->classifier);
	hc_signatures_destroy(classes->signatures);
	*classes = (struct fake_classes){0};
}

/** The class of a name, which must be there. */
static inline hc_class_id fake_class(const struct fake_classes *classes, const char *name)
{
	hc_class_id class = hc_signatures_find(classes->signatures, name);

	assert_int_not_equal(class, HC_CLASS_NONE);
	return class;
}

#endif
