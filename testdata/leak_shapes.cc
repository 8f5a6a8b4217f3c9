/*
 * The leak program with a known answer.
 *
 * usage: leak_shapes [abort|pause|signal]
 *
 * Prints one line a chunk, "0xADDRESS REQUESTED KIND LABEL", then "end". KIND is what a leak search must say of
 * it: definite, indirect, possible, reachable; or cycle:NAME for the members of a lost cycle, of which exactly
 * one is definite and all others are indirect. Nothing else in the process is lost or possibly lost.
 *
 * How the answer is kept exact. Stale copies of pointers would make lost chunks reachable, so all chunks are
 * built on a thread whose stack is unmapped afterwards, registers and thread block included, and from then on
 * addresses exist only where a shape wants them, or XORed with a key. M_ARENA_MAX is 1: all chunks lie in the
 * main arena although another thread asked for them. Chunks are cleared before use, for reused memory holds
 * old list pointers.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "manifest.h"

#define KEY 0x5aa5c33c0ff09669ul
#define STACK_SIZE (1ul << 20)

/* Where reachable chunks hang. An array, so that a shape's root is a slot of .bss. */
static void *volatile roots[64]; /* volatile: stores that nobody reads must stay */
static unsigned num_roots;
static void *volatile data_root = (void *)&data_root; /* in .data */
static __thread void *tls_of_main;
static __thread void *volatile tls_of_holder;

/* XORed addresses for the threads that hold a pointer in a special place. */
static uintptr_t hidden_register, hidden_stack, hidden_tls, hidden_dead_frame, hidden_dead_stack;

static void **page_root, **shared_root;

/* A cleared chunk with its manifest line. */
static void **chunk(size_t size, const char *kind, const char *label)
{
	void **p = (void **)malloc(size);
	memset(p, 0, malloc_usable_size(p));
	say("%p %zu %s %s", p, size, kind, label);
	return p;
}

static void root(void *p)
{
	roots[num_roots++] = p;
}

static uintptr_t hide(void *p)
{
	return (uintptr_t)p ^ KEY;
}

/* A chain of n chunks, linked through the word at index `link`. */
static void **chain(unsigned n, size_t size, unsigned link, const char *head, const char *rest,
		    const char *label)
{
	void **first = chunk(size, head, label), **p = first;
	while (--n) {
		p[link] = chunk(size, rest, label);
		p = (void **)p[link];
	}
	return first;
}

static void **tree(unsigned depth, const char *head, const char *rest, const char *label)
{
	void **p = chunk(40, head, label);
	if (depth) {
		p[1] = tree(depth - 1, rest, rest, label);
		p[3] = tree(depth - 1, rest, rest, label);
	}
	return p;
}

static void reachable_shapes(void)
{
	root(chain(1000, 24, 2, "reachable", "reachable", "chain-from-bss"));
	data_root = chain(3, 100, 0, "reachable", "reachable", "chain-from-data");
	root(tree(8, "reachable", "reachable", "tree-from-bss"));
	tls_of_main = chain(2, 50, 1, "reachable", "reachable", "from-tls-of-main");
	page_root[17] = chain(2, 60, 1, "reachable", "reachable", "from-private-mapping");
	shared_root[3] = chain(2, 70, 1, "reachable", "reachable", "from-shared-mapping");

	void **a = chunk(32, "reachable", "cycle-from-bss"), **b = chunk(32, "reachable", "cycle-from-bss");
	a[0] = b;
	b[0] = a;
	root(a);

	/* An mmapped chunk between two small ones, and the word at the very end of each. */
	void **big = chunk(300000, "reachable", "mmapped-from-bss");
	root(big);
	big[300000 / 8 - 1] = chunk(24, "reachable", "below-mmapped");

	/* The last word that 24 bytes have overlaps the next chunk's header. */
	void **last = chunk(24, "reachable", "last-word");
	root(last);
	last[2] = chunk(200, "reachable", "from-last-word");

	/* Zero bytes were asked for, one pointer fits all the same; nothing points from here. */
	root(chunk(0, "reachable", "malloc-0"));

	/* To the start from one root and into the interior from another: the stronger counts. */
	char *both = (char *)chunk(128, "reachable", "start-and-interior");
	root(both);
	root(both + 64);
}

static void lost_shapes(void)
{
	chunk(56, "definite", "single");
	chunk(400000, "definite", "mmapped-single");
	chain(5000, 24, 0, "definite", "indirect", "chain");
	tree(7, "definite", "indirect", "tree");

	void **self = chunk(64, "definite", "self-pointer");
	self[4] = self;

	void **child = chunk(48, "indirect", "shared-child");
	chunk(72, "definite", "two-parents")[0] = child;
	chunk(72, "definite", "two-parents")[1] = child;

	/* A lost mmapped chunk with a tree of its own. */
	chunk(500000, "definite", "mmapped-parent")[31000] = chain(2, 80, 0, "indirect", "indirect",
								   "below-lost-mmapped");

	/* Only an interior pointer, from a lost chunk: somebody lost points to it. */
	char *inside = (char *)chunk(256, "indirect", "interior-of-lost");
	chunk(88, "definite", "holds-interior")[0] = inside + 128;
}

static void lost_cycles(void)
{
	void **a = chunk(104, "cycle:two", "cycle-of-two"), **b = chunk(104, "cycle:two", "cycle-of-two");
	a[2] = b;
	b[5] = a;

	void **first = chain(50, 120, 3, "cycle:fifty", "cycle:fifty", "cycle-of-fifty"), **p = first;
	while (p[3])
		p = (void **)p[3];
	p[3] = first;
	/* A tail that hangs below the cycle. */
	p[6] = chain(3, 136, 0, "indirect", "indirect", "tail-of-cycle");

	/* A cycle under another lost chunk has no definite member. */
	void **c = chunk(152, "indirect", "cycle-below"), **d = chunk(152, "indirect", "cycle-below");
	c[0] = d;
	d[0] = c;
	chunk(168, "definite", "above-cycle")[3] = d;

	/* Two cycles, one of which points to the other. */
	void **e = chunk(184, "cycle:upper", "upper-cycle"), **f = chunk(184, "cycle:upper", "upper-cycle");
	void **g = chunk(200, "indirect", "lower-cycle"), **h = chunk(200, "indirect", "lower-cycle");
	e[0] = f;
	f[0] = e;
	f[1] = g;
	g[0] = h;
	h[0] = g;

	/* A self-pointing chunk in a cycle is one member like any other. */
	void **i = chunk(216, "cycle:knot", "knot"), **j = chunk(216, "cycle:knot", "knot");
	i[0] = i;
	i[1] = j;
	j[0] = i;
	j[1] = j;
}

static void possible_shapes(void)
{
	char *p = (char *)chunk(240, "possible", "interior-only");
	root(p + 112);

	/* Whatever hangs below is no better. */
	void **head = chunk(232, "possible", "interior-with-chain");
	head[1] = chain(4, 28, 1, "possible", "possible", "below-interior");
	root((char *)head + 48);

	/* In the middle of a chain of exact pointers. */
	void **top = chunk(296, "reachable", "before-interior");
	char *middle = (char *)chunk(296, "possible", "interior-from-chunk");
	top[0] = middle + 32;
	((void **)middle)[0] = chunk(296, "possible", "after-interior");
	root(top);

	/* Its low bit used as a mark. */
	root((char *)chunk(312, "possible", "tagged") + 1);

	/* The start is known to a lost chunk only; the interior to a root. */
	void **lost = chunk(328, "definite", "knows-start");
	char *known = (char *)chunk(328, "possible", "start-from-lost");
	lost[0] = known;
	root(known + 200);

	char *big = (char *)chunk(600000, "possible", "mmapped-interior");
	root(big + 123456);
}

struct Cookie16 {
	~Cookie16() { asm volatile("" ::"r"(this)); }
	void *p;
	long n;
};

struct Cookie24 {
	~Cookie24() { asm volatile("" ::"r"(this)); }
	void *p;
	long n, m;
};

struct Base {
	virtual ~Base() {}
	long a;
};

struct OtherBase {
	virtual ~OtherBase() {}
	long b;
};

struct Derived : Base, OtherBase {
	~Derived() override {}
	void *child;
};

/* Interior pointers that compilers and libraries make on purpose: as good as a pointer to the start. */
static void made_interior_pointers(void)
{
	Cookie16 *sixteen = new Cookie16[10];
	memset((void *)sixteen, 0, 10 * sizeof(*sixteen));
	say("%p %zu reachable array-cookie-exact", (char *)sixteen - 8, 8 + 10 * sizeof(*sixteen));
	sixteen[9].p = chunk(344, "reachable", "below-array-cookie");
	root(sixteen);

	/* 128 bytes asked for, 136 usable: the element count does not divide what malloc rounded up to. */
	Cookie24 *five = new Cookie24[5];
	memset((void *)five, 0, 5 * sizeof(*five));
	say("%p %zu reachable array-cookie-rounded", (char *)five - 8, 8 + 5 * sizeof(*five));
	root(five);

	Derived *derived = new Derived;
	say("%p %zu reachable second-base", (void *)derived, sizeof(*derived));
	derived->child = chunk(360, "reachable", "below-second-base");
	root(static_cast<OtherBase *>(derived));

	/* std::string of the old ABI: length, capacity, reference count, characters. */
	const char *text = "a string of forty-one characters, no less";
	uint64_t *rep = (uint64_t *)chunk(24 + 41 + 1, "reachable", "old-string");
	rep[0] = rep[1] = 41;
	memcpy(rep + 3, text, 42);
	root(rep + 3);

	/* A size, then the block: SQLite's allocator. */
	uint64_t *sized = (uint64_t *)chunk(8 + 376, "reachable", "length-before");
	sized[0] = 376;
	root(sized + 1);
}

/* Only freed memory points to these. */
static void *below_free_chunks[3];

static void free_shapes(void)
{
	static const size_t sizes[] = {100, 2000, 700000}; /* tcache, a bin, unmapped */
	for (unsigned i = 0; i < 3; i++) {
		void **p = (void **)malloc(sizes[i]);
		memset(p, 0, sizes[i]);
		p[6] = chunk(392, "definite", "only-from-freed");
		below_free_chunks[i] = p;
		chunk(24, "definite", "keeps-freed-apart");
	}
	for (unsigned i = 0; i < 3; i++) {
		free(below_free_chunks[i]);
		below_free_chunks[i] = NULL;
	}
}

static void for_holders(void)
{
	hidden_register = hide(chain(2, 408, 0, "reachable", "reachable", "from-register"));
	hidden_stack = hide(chain(2, 424, 0, "reachable", "reachable", "from-stack"));
	hidden_tls = hide(chain(2, 440, 0, "reachable", "reachable", "from-tls"));
	hidden_dead_frame = hide(chunk(456, "definite", "from-below-stack-pointer"));
	hidden_dead_stack = hide(chunk(472, "definite", "from-exited-thread"));
}

static void *build(void *tls)
{
	/* The TLS that counts is the main thread's. */
	reachable_shapes();
	*(void **)tls = tls_of_main;
	tls_of_main = NULL;
	lost_shapes();
	lost_cycles();
	possible_shapes();
	made_interior_pointers();
	free_shapes();
	for_holders();
	return NULL;
}

static int held;

static void tell_held(void)
{
	__atomic_add_fetch(&held, 1, __ATOMIC_RELEASE);
}

/* Decodes into a register that the compiler knows nothing of, and never leaves it. */
static void *hold_in_register(void *)
{
	tell_held();
#ifdef __x86_64__
	asm volatile("mov %[hidden], %%r12\n\t"
		     "xor %[key], %%r12\n\t"
		     "1: mov %[pause], %%eax\n\t"
		     "syscall\n\t"
		     "jmp 1b"
		     :
		     : [hidden] "r"(hidden_register), [key] "r"(KEY), [pause] "i"(SYS_pause)
		     : "r12", "rax", "rcx", "r11", "memory");
#else
#error "name a callee-saved register of this machine here"
#endif
	return NULL;
}

static void *hold_on_stack(void *)
{
	void *volatile here = (void *)(hidden_stack ^ KEY);
	tell_held();
	for (;;) {
		pause();
		asm volatile("" ::"r"(here));
	}
}

/* Leaves a pointer in a frame that is gone by the time of the core, well below the red zone. */
__attribute__((noinline)) static void dead_frame(void)
{
	void *volatile words[512];
	for (unsigned i = 0; i < 512; i++)
		words[i] = NULL;
	words[8] = (void *)(hidden_dead_frame ^ KEY);
	words[200] = words[8];
	asm volatile("" ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
}

/* Overwrites whatever registers a call may leave behind. */
__attribute__((noinline)) static void scrub_registers(void)
{
#ifdef __x86_64__
	asm volatile("xor %%eax, %%eax\n\txor %%ecx, %%ecx\n\txor %%edx, %%edx\n\txor %%esi, %%esi\n\t"
		     "xor %%edi, %%edi\n\txor %%r8d, %%r8d\n\txor %%r9d, %%r9d\n\txor %%r10d, %%r10d\n\t"
		     "xor %%r11d, %%r11d\n\tpxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1"
		     ::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0", "xmm1");
#endif
}

static void *hold_in_tls(void *)
{
	tls_of_holder = (void *)(hidden_tls ^ KEY);
	dead_frame();
	scrub_registers();
	tell_held();
	for (;;)
		pause();
}

/* Its stack stays mapped, in libc's cache, with the pointer on it. */
static void *leave_on_stack(void *)
{
	void *volatile words[64];
	for (unsigned i = 0; i < 64; i++)
		words[i] = (void *)(hidden_dead_stack ^ KEY);
	asm volatile("" ::"r"(words) : "memory");
	return NULL;
}

/* Runs fn on a stack that is gone afterwards, with all that it left there. */
static void run_without_trace(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, STACK_SIZE);
	if (pthread_create(&thread, &attr, fn, arg))
		_exit(4);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	munmap(stack, STACK_SIZE);
}

static void start(void *(*fn)(void *))
{
	pthread_t thread;
	int before = __atomic_load_n(&held, __ATOMIC_ACQUIRE);

	if (pthread_create(&thread, NULL, fn, NULL))
		_exit(4);
	while (__atomic_load_n(&held, __ATOMIC_ACQUIRE) == before)
		usleep(1000);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	mallopt(M_ARENA_MAX, 1);
	page_root = (void **)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared_root = (void **)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	run_without_trace(build, &tls_of_main);
	start(hold_in_register);
	start(hold_on_stack);
	start(hold_in_tls);
	if (pthread_create(&thread, NULL, leave_on_stack, NULL))
		_exit(4);
	pthread_join(thread, NULL);
	usleep(20000); /* the holders reach their pause */
	stop_here(argc > 1 ? argv[1] : "pause");
}
