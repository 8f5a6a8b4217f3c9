//! What Vec, Rc and Box<dyn Trait> of Rust own, with known counts.
//!
//! usage: owned pause
//!
//! Prints for each "VEC address elements element", its head lying within the 24 bytes from the address on; "RC address owners
//! weak"; "OBJECT address type"; "DEQUE address"; and for what only looks like one of these "NONE address". Then "end".
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::rc::{Rc, Weak};
use std::sync::Arc;

extern "C" {
    fn prctl(option: i32, ...) -> i32;
    fn pause() -> i32;
}

const PR_SET_PTRACER: i32 = 0x59616d61;

pub trait Shape {
    fn area(&self) -> u64;
}

pub struct Square {
    pub side: u64,
}

pub struct Polygon {
    pub name: String,
    pub corners: [u64; 12],
}

impl Shape for Square {
    fn area(&self) -> u64 {
        self.side * self.side
    }
}

impl Shape for Polygon {
    fn area(&self) -> u64 {
        self.corners[0] + self.name.len() as u64
    }
}

/// Words that look like an Rc's counts, with one owner.
#[repr(C)]
pub struct Pair {
    pub first: usize,
    pub second: usize,
    pub rest: [u64; 3],
}

pub struct Node {
    pub parent: RefCell<Weak<Node>>,
    pub value: [u64; 6],
}

#[derive(Default)]
pub struct World {
    pub numbers: Vec<u64>,
    pub text: String,
    pub room: Vec<u8>,
    pub pixels: Vec<[u8; 3]>,
    pub names: Vec<String>,
    pub few: Vec<u32>,
    pub one: Vec<u64>,
    pub cleared: Vec<u128>,
    pub before: usize,
    pub tree: BTreeMap<u64, u64>,
    pub deque: VecDeque<u64>,
    pub shapes: Vec<Box<dyn Shape>>,
    pub shared_shapes: Vec<Rc<dyn Shape>>,
    pub pairs: Vec<Box<Pair>>,
    pub counted: Vec<Rc<[u64; 8]>>,
    pub watching: Vec<Weak<[u64; 8]>>,
    pub atomic: Vec<Arc<String>>,
    pub nodes: Vec<Rc<Node>>,
    pub polygons: Vec<*const Polygon>,
}

fn vec<T>(head: &Vec<T>) {
    println!("VEC {:p} {} {}", head, head.len(), std::mem::size_of::<T>());
}

fn vec_in(text: &String) {
    println!("VEC {:p} {} 1", text, text.len());
}

/// Where the counts are, which is what a pointer to it has.
fn counts<T>(pointer: &T) -> usize {
    unsafe { *(pointer as *const T as *const usize) }
}

#[inline(never)]
fn fill(world: &mut World) {
    world.numbers = (0..1000).collect();
    world.text = "a text that was made longer by its end ".repeat(8);
    world.room = Vec::with_capacity(100);
    world.room.extend_from_slice(&[7; 40]);
    world.pixels = vec![[1, 2, 3]; 77];
    world.names = (0..50).map(|i| format!("the name of number {} is longer than this", i)).collect();
    for i in 0..3 {
        world.few.push(i);
    }
    world.one = vec![7];
    world.cleared = Vec::with_capacity(64);
    world.before = 8;
    world.tree = (0..500).map(|i| (i, i)).collect();
    world.deque = VecDeque::with_capacity(60);
    for i in 0..20 {
        world.deque.push_back(i);
    }
    world.deque.pop_front();
    for i in 0..30 {
        world.shapes.push(Box::new(Square { side: i }));
        if i % 3 == 0 {
            let polygon = Box::new(Polygon { name: String::from("a polygon with many corners"), corners: [i; 12] });
            world.polygons.push(&*polygon);
            world.shapes.push(polygon);
        }
    }
    for i in 0..5 {
        let polygon = Rc::new(Polygon { name: String::from("a polygon that is shared by some"), corners: [i; 12] });
        world.polygons.push(&*polygon);
        world.shared_shapes.push(polygon);
    }
    for i in 0..10 {
        world.pairs.push(Box::new(Pair { first: 1 + i % 3, second: 2, rest: [5; 3] }));
    }
    let shared = Rc::new([9; 8]);
    for _ in 0..40 {
        world.counted.push(shared.clone());
    }
    for _ in 0..12 {
        world.watching.push(Rc::downgrade(&shared));
    }
    let text = Arc::new(String::from("what several threads may share without a copy"));
    world.atomic = vec![text; 17];
    let root = Rc::new(Node { parent: RefCell::new(Weak::new()), value: [1; 6] });
    for i in 0..9 {
        let node = Rc::new(Node { parent: RefCell::new(Rc::downgrade(&root)), value: [i; 6] });
        world.nodes.push(node);
    }
    world.nodes.push(root.clone());
    world.nodes.push(root);
}

/// What was on the stack is overwritten.
#[inline(never)]
fn scrub(depth: usize) -> usize {
    let words = unsafe { std::ptr::read_volatile(&[depth; 64]) };

    if depth == 0 {
        words[0]
    } else {
        scrub(depth - 1) + words[depth % 64]
    }
}

fn tell(world: &World) {
    vec(&world.numbers);
    vec_in(&world.text);
    vec(&world.room);
    vec(&world.pixels);
    vec(&world.names);
    for name in &world.names {
        vec_in(name);
    }
    vec(&world.few);
    vec(&world.one);
    vec(&world.cleared);
    vec(&world.shapes);
    vec(&world.shared_shapes);
    vec(&world.pairs);
    vec(&world.counted);
    vec(&world.watching);
    vec(&world.atomic);
    vec(&world.nodes);
    vec(&world.polygons);
    vec_in(&world.atomic[0]);
    for polygon in &world.polygons {
        vec_in(unsafe { &(**polygon).name });
    }
    println!("DEQUE {:p}", &world.deque);
    println!("NONE {:p}", &world.before);
    println!("RC {:#x} 40 12", counts(&world.counted[0]));
    println!("RC {:#x} 17 0", counts(&world.atomic[0]));
    println!("RC {:#x} 2 9", counts(&world.nodes[9]));
    for pair in &world.pairs {
        println!("NONE {:p}", *pair);
    }
    for shape in &world.shapes {
        let kind = if std::mem::size_of_val(&**shape) == 8 { "Square" } else { "Polygon" };
        println!("OBJECT {:#x} {}", counts(shape), kind);
    }
    for shape in &world.shared_shapes {
        println!("OBJECT {:#x} SharedPolygon", counts(shape));
    }
}

fn main() {
    let world: &mut World = Box::leak(Box::default());

    fill(world);
    tell(world);
    let area: u64 = world.shapes.iter().chain(world.shared_shapes.iter().map(|_| &world.shapes[0])).map(|s| s.area()).sum();
    println!("area {} {}", area, scrub(500) % 2);
    println!("end");
    std::io::stdout().flush().unwrap();
    unsafe {
        prctl(PR_SET_PTRACER, usize::MAX);
        loop {
            pause();
        }
    }
}
