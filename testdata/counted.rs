// What a program in Rust holds, and what its own allocator counts: every block, and their bytes.
//
// Prints "before COUNT" (blocks that there were before what it holds), "blocks COUNT" and "bytes COUNT"; then "end".
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static BLOCKS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counted;

unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BLOCKS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size(), Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BLOCKS.fetch_sub(1, Relaxed);
        BYTES.fetch_sub(layout.size(), Relaxed);
        System.dealloc(block, layout)
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

pub struct Book {
    pub title: String,
    pub copies: Vec<u64>,
    pub next: Option<Rc<Book>>,
}

pub struct Library {
    pub by_isbn: BTreeMap<u64, Rc<Book>>,
}

#[no_mangle]
pub static mut LIBRARY: Option<Box<Library>> = None;

extern "C" {
    fn prctl(option: i32, ...) -> i32;
    fn pause() -> i32;
}

#[inline(never)]
fn fill() {
    let mut library = Box::new(Library { by_isbn: BTreeMap::new() });
    let mut last = None;
    for i in 0..2000u64 {
        let book = Rc::new(Book {
            title: format!("The {}th book of all that there are", i),
            copies: (0..i % 7).collect(),
            next: last.take(),
        });
        last = Some(book.clone());
        library.by_isbn.insert(100_000 + i, book);
    }
    for i in (0..2000).step_by(3) {
        library.by_isbn.remove(&(100_000 + i));
    }
    unsafe { LIBRARY = Some(library) };
}

fn main() {
    // The buffer of the output is a block, too, and lasts.
    println!("books 2000");
    let before = BLOCKS.load(Relaxed);
    fill();
    // What is printed is made of numbers that were read before.
    let (blocks, bytes) = (BLOCKS.load(Relaxed), BYTES.load(Relaxed));
    println!("before {}", before);
    println!("blocks {}", blocks);
    println!("bytes {}", bytes);
    println!("end");
    std::io::stdout().flush().unwrap();
    unsafe {
        prctl(0x59616d61, usize::MAX);
        loop {
            pause();
        }
    }
}
