//! What fuzzing has found, and what it begins with, replayed: nothing in it may lead to a panic. See `fuzz/` for the targets.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::path::Path;

/// Plays each input of one target; a panic names the file.
fn replay(target: &str, play: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the corpus is there") {
        let path = entry.expect("an input").path();
        let data = fs::read(&path).expect("an input can be read");
        // Told if it panics.
        println!("{}", path.display());
        play(&data);
        count += 1;
    }
    assert!(count > 0, "no input in {}", folder.display());
}

macro_rules! corpora {
    ($($target:ident => $test:ident,)*) => {
        $(
            #[test]
            fn $test() {
                replay(stringify!($target), |data| {
                    let _ = fuzz::$target(data);
                });
            }
        )*

        #[test]
        fn every_target_and_every_corpus_is_here() {
            let here = [$(stringify!($target)),*];
            for folder in ["fuzz_targets", "corpus"] {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
                for entry in fs::read_dir(folder).expect("a folder") {
                    let path = entry.expect("an entry").path();
                    let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
                    assert!(here.contains(&&*name), "{name} is not replayed");
                }
            }
        }
    };
}

corpora! {
    milestone => what_a_milestone_gateway_may_say_is_taken,
    een => what_eagle_eye_may_say_is_taken,
    simplisafe => what_simplisafe_may_say_is_taken,
    vxg => what_vxg_may_say_is_taken,
    config => any_configuration_is_read_or_refused_with_a_reason,
    frames => any_bytes_are_frames_or_are_none,
    journal => a_damaged_journal_opens_or_says_why_not,
    recording => any_recording_is_read_or_refused_with_a_reason,
}

/// Else nothing behind the login would ever be tried.
#[test]
fn each_vendor_s_conversation_gets_online_and_tells_events() {
    type Play = fn(&[u8]) -> fuzz::Reached;
    let vendors = [
        ("milestone", fuzz::milestone as Play),
        ("een", fuzz::een),
        ("simplisafe", fuzz::simplisafe),
        ("vxg", fuzz::vxg),
    ];
    for (vendor, play) in vendors {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(vendor).join("conversation");
        let reached = play(&fs::read(path).expect("the conversation"));
        assert!(reached.granted > 0 && reached.online > 0 && reached.entries > 2, "{vendor}: {reached:?}");
    }
}
