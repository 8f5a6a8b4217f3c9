//! Rust's own containers, whose numbers of elements are known.
//!
//! usage: tables pause
//!
//! Prints for each "CONTAINER kind address size elements": its head lies within size bytes from the
//! address; for one that has lost its elements "EMPTY address size"; then "end".
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;

extern "C" {
    fn prctl(option: i32, ...) -> i32;
    fn pause() -> i32;
}

const PR_SET_PTRACER: i32 = 0x59616d61;

#[allow(dead_code)]
#[derive(Clone)]
struct Session {
    name: String,
    bytes: Vec<u8>,
    number: u32,
}

fn tell<T>(kind: &str, table: &T, elements: usize) {
    println!("CONTAINER {} {:p} {} {}", kind, table, std::mem::size_of::<T>(), elements);
}

fn session(i: u32) -> Session {
    Session { name: format!("session {}", i), bytes: vec![i as u8; 40], number: i }
}

fn main() {
    // In chunks, and so that nothing moves.
    let numbers: &mut HashMap<u64, u64> = Box::leak(Box::default());
    for i in 0..1000 {
        numbers.insert(i, i * i);
    }
    let sessions: &mut HashMap<String, Session> = Box::leak(Box::default());
    for i in 0..300 {
        sessions.insert(format!("key {}", i), session(i));
    }
    // Deleted ones leave marks between those that are there.
    for i in 0..200 {
        sessions.remove(&format!("key {}", i));
    }
    let bytes: &mut HashSet<u8> = Box::leak(Box::default());
    bytes.extend([3, 1, 4, 15, 92]);
    let few: &mut HashMap<u32, Session> = Box::leak(Box::default());
    few.insert(1, session(1));
    let wide: &mut HashMap<u128, [u64; 9]> = Box::leak(Box::default());
    for i in 0..77 {
        wide.insert(i, [i as u64; 9]);
    }
    // A map with another function that hashes is larger or smaller.
    let growing: &mut HashSet<(u16, u8)> = Box::leak(Box::default());
    for i in 0..5000u16 {
        growing.insert((i, 1));
    }
    let empty: &mut HashMap<u64, String> = Box::leak(Box::default());
    empty.insert(1, "gone".into());
    empty.remove(&1);
    let tree: &mut BTreeMap<u64, u64> = Box::leak(Box::default());
    tree.extend((0..100).map(|i| (i, i)));
    let local: HashMap<u64, Vec<u64>> = (0..50).map(|i| (i, vec![i; 4])).collect();

    tell("hashbrown", numbers, 1000);
    tell("hashbrown", sessions, 100);
    tell("hashbrown", bytes, 5);
    tell("hashbrown", few, 1);
    tell("hashbrown", wide, 77);
    tell("hashbrown", growing, 5000);
    tell("hashbrown", &local, 50);
    println!("EMPTY {:p} {}", empty, std::mem::size_of_val(empty));
    println!("end");
    std::io::stdout().flush().unwrap();
    unsafe {
        prctl(PR_SET_PTRACER, usize::MAX);
        loop {
            pause();
        }
    }
}
