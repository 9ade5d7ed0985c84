//! `watchpost simulate`: what is the same for every system.

use std::future::Future;

use watchpost::simulator::{een, milestone::RunError, simplisafe, vxg};

use super::{Exit, descriptors::Descriptors, is_reader_gone, signals::Signals, terminal};

/// `watchpost simulate een`.
pub(super) async fn een(args: een::SimulateArgs) -> Exit {
    if args.accounts == 0 && args.cameras == 0 {
        terminal::complain(
            "error: invalid value '0' for '--cameras <N>': an account without sub-accounts and cameras tells nothing; give 1 or more",
        );
        return Exit::Usage;
    }
    until_ended(een::run(args)).await
}

/// `watchpost simulate simplisafe`.
pub(super) async fn simplisafe(args: simplisafe::SimulateArgs) -> Exit {
    if args.systems == 0 {
        terminal::complain(
            "error: invalid value '0' for '--systems <N>': a user without systems is told nothing; give 1 or more",
        );
        return Exit::Usage;
    }
    until_ended(simplisafe::run(args)).await
}

/// `watchpost simulate vxg`.
pub(super) async fn vxg(args: vxg::SimulateArgs) -> Exit {
    if args.cameras == 0 {
        terminal::complain(
            "error: invalid value '0' for '--cameras <N>': a cloud without cameras tells nothing; give 1 or more",
        );
        return Exit::Usage;
    }
    until_ended(vxg::run(args)).await
}

/// Runs a simulator until it ends or a signal comes.
pub(super) async fn until_ended(run: impl Future<Output = Result<(), RunError>>) -> Exit {
    Descriptors::raise();
    // It waits for signals once it has told that it is there; one that comes earlier is heard here.
    let ended = match Signals::new() {
        Ok(mut signals) => tokio::select! {
            ended = run => ended,
            () = signals.next() => Ok(()),
        },
        Err(error) => Err(RunError::Io(error)),
    };
    match ended {
        Ok(()) => Exit::Done,
        Err(RunError::Io(error)) if is_reader_gone(&error) => Exit::Done,
        Err(error) => {
            terminal::complain(error);
            Exit::Failed
        }
    }
}
