/*
 * A list of nodes, and debug information about them that no compiler would write. Built with -g0, so that there is no
 * other; a macro says what is wrong with it: SIBLINGS, SLOTS, OVERLAP, DIMENSIONS, NESTED,
 * LONG_NAME, CONTROL, NAMES.
 */
#include "manifest.h"

struct node {
	struct node *next;
};

struct node *head;

#ifdef SIBLINGS
/* Namespaces within each other, each said to be followed by its own first child. */
#define ENTRIES \
	".rept 200; .byte 2; .long . - .Lunit + 4; .endr\n" \
	".rept 200; .byte 0; .endr\n"
#define NAME ".asciz \"node\"\n"
#endif
#ifdef SLOTS
/* More pointers than the struct has room for. */
#define MEMBERS ".rept 4096; .byte 4; .long .Lpointer - .Lunit, 0; .endr\n"
#define NAME ".asciz \"node\"\n"
#endif
#ifdef LONG_NAME
#define NAME ".fill 1 << 20, 1, 0x61; .byte 0\n"
#endif
#ifdef CONTROL
#define NAME ".asciz \"no\\033[31m\\nde\\377,\\\"\"\n"
#endif
#ifdef OVERLAP
/* Arrays that all begin at one place, and have no end. */
#define ENTRIES \
	".Larray: .byte 7; .long .Lpointer - .Lunit; .byte 8; .quad 0x7fffffffffffffff; .byte 0\n" \
	".rept 100000; .byte 6; .long .Larray - .Lunit; .byte 9, 3; .quad big; .endr\n"
#define NAME ".asciz \"node\"\n"
void *big[1 << 16];
#endif
#ifdef DIMENSIONS
/* Many members whose array has many bounds. */
#define MEMBERS \
	".rept 50000; .byte 4; .long .Larray - .Lunit, 0; .endr\n" \
	".byte 4; .long .Lpointer - .Lunit, 0\n"
#define ENTRIES \
	".Larray: .byte 7; .long .Lpointer - .Lunit; .rept 50000; .byte 8; .quad 0; .endr; .byte 0\n"
#define NAME ".asciz \"node\"\n"
#endif
#ifdef NESTED
/* Structs within each other, which are all one. */
#define ENTRIES \
	".rept 100000; .byte 3; .long .Lname, 8; .endr\n" \
	".rept 100000; .byte 0; .endr\n"
#define NAME ".asciz \"node\"\n"
#endif
#ifdef NAMES
/* Each of 100 strings of 4 KiB is 4,090 names, by where they begin: 840 MB of names in 5 MB. */
#define ENTRIES \
	".set .Li, 0\n" \
	".rept 100; .set .Lk, 0\n" \
	".rept 4090; .byte 3; .long .Lnames + .Li * 4096 + .Lk, 8; .byte 0; .set .Lk, .Lk + 1; .endr\n" \
	".set .Li, .Li + 1; .endr\n"
#define NAME \
	".asciz \"node\"\n" \
	".Lnames: .set .Li, 0\n" \
	".rept 100; .fill 4090, 1, 0x61; .byte 0x41 + .Li / 50, 0x41 + .Li % 50, 0x61, 0x61, 0x61, 0\n" \
	".set .Li, .Li + 1; .endr\n"
#endif
#ifndef ENTRIES
#define ENTRIES ""
#endif
#ifndef MEMBERS
#define MEMBERS ".byte 4; .long .Lpointer - .Lunit, 0\n"
#endif

__asm__(".pushsection .debug_abbrev,\"\",@progbits\n"
	".Labbrev:\n"
	".byte 1, 0x11, 1, 0x13, 0x0b, 0, 0\n"             /* unit: language */
	".byte 2, 0x39, 1, 0x01, 0x13, 0, 0\n"             /* namespace: sibling */
	".byte 3, 0x13, 1, 0x03, 0x0e, 0x0b, 0x06, 0, 0\n" /* struct: name, size */
	".byte 4, 0x0d, 0, 0x49, 0x13, 0x38, 0x06, 0, 0\n" /* member: type, place */
	".byte 5, 0x0f, 0, 0x49, 0x13, 0, 0\n"             /* pointer: type */
	".byte 6, 0x34, 0, 0x49, 0x13, 0x02, 0x18, 0, 0\n" /* variable: type, place */
	".byte 7, 0x01, 1, 0x49, 0x13, 0, 0\n"             /* array: type */
	".byte 8, 0x21, 0, 0x2f, 0x07, 0, 0\n"             /* its upper bound */
	".byte 0\n"
	".popsection\n"
	".pushsection .debug_str,\"\",@progbits\n"
	".Lname: " NAME
	".popsection\n"
	".pushsection .debug_info,\"\",@progbits\n"
	".Lunit: .long .Lend - . - 4; .short 4; .long .Labbrev; .byte 8\n"
	".byte 1, 4\n"
	".Lstruct: .byte 3; .long .Lname, 8\n" MEMBERS ".byte 0\n"
	".Lpointer: .byte 5; .long .Lstruct - .Lunit\n"
	".byte 6; .long .Lpointer - .Lunit; .byte 9, 3; .quad head\n" ENTRIES ".byte 0\n"
	".Lend:\n"
	".popsection\n");

int main(int argc, char **argv)
{
	for (int i = 0; i < 300000; i++) {
		struct node *node = calloc(1, sizeof(*node));
		node->next = head;
		head = node;
	}
#ifdef OVERLAP
	for (unsigned i = 0; i < sizeof(big) / sizeof(big[0]); i++)
		big[i] = head;
#endif
	stop_here(argc > 1 ? argv[1] : "pause");
}
