//! What a program writes.

use std::io::Read;
use std::sync::mpsc;
use std::thread;

/// What comes through a pipe, at its end.
pub fn all_of(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, all) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        // A test that has given up listens no more.
        let _ = sender.send(text);
    });
    all
}
