//! Tests of the server from outside: the program runs in a process of its own, and is talked to as
//! clients do.

mod backend;
mod durability;
mod hostile;
mod support;
