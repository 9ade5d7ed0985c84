//! `watchpost simulate`: what is the same for every system.

use std::{future::Future, net::SocketAddr};

use clap::Args;
use watchpost::simulator::{
    een,
    milestone::RunError,
    replay::{self, ReplayArgs, ReplayError},
    simplisafe, vxg,
};

use super::{Exit, SimulatedSystem, descriptors::Descriptors, is_reader_gone, milestone, signals::Signals, terminal};

/// A system of its own, or a recording.
#[derive(Args)]
pub(super) struct Replayable<A: Args> {
    #[command(flatten)]
    usual: A,
    #[command(flatten)]
    replay: ReplayArgs,
}

impl<A: Args> Replayable<A> {
    async fn run<R: Future<Output = Exit>>(
        self,
        vendor: &str,
        listen: impl FnOnce(&A) -> SocketAddr,
        simulate: impl FnOnce(A) -> R,
    ) -> Exit {
        let Self { usual, replay: ReplayArgs { replay, speed } } = self;
        let Some(path) = replay else { return simulate(usual).await };
        let ended = until_signal(replay::run(vendor, path, listen(&usual), speed), ReplayError::Io).await;
        match ended {
            Ok(()) => Exit::Done,
            Err(ReplayError::Io(error)) if is_reader_gone(&error) => Exit::Done,
            Err(error) => {
                terminal::complain(&error);
                if matches!(error, ReplayError::Read(_) | ReplayError::Other { .. }) {
                    Exit::Usage
                } else {
                    Exit::Failed
                }
            }
        }
    }
}

/// `watchpost simulate`.
pub(super) async fn run(system: SimulatedSystem) -> Exit {
    match system {
        SimulatedSystem::Milestone(args) => args.run("milestone", |usual| usual.listen, milestone::simulate).await,
        SimulatedSystem::Een(args) => args.run("een", |usual| usual.listen, een).await,
        SimulatedSystem::SimpliSafe(args) => args.run("simplisafe", |usual| usual.listen, simplisafe).await,
        SimulatedSystem::Vxg(args) => args.run("vxg", |usual| usual.listen, vxg).await,
    }
}

/// `watchpost simulate een`.
async fn een(args: een::SimulateArgs) -> Exit {
    if args.accounts == 0 && args.cameras == 0 {
        terminal::complain(
            "error: invalid value '0' for '--cameras <N>': an account without sub-accounts and cameras tells nothing; give 1 or more",
        );
        return Exit::Usage;
    }
    until_ended(een::run(args)).await
}

/// `watchpost simulate simplisafe`.
async fn simplisafe(args: simplisafe::SimulateArgs) -> Exit {
    if args.systems == 0 {
        terminal::complain(
            "error: invalid value '0' for '--systems <N>': a user without systems is told nothing; give 1 or more",
        );
        return Exit::Usage;
    }
    until_ended(simplisafe::run(args)).await
}

/// `watchpost simulate vxg`.
async fn vxg(args: vxg::SimulateArgs) -> Exit {
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
    match until_signal(run, RunError::Io).await {
        Ok(()) => Exit::Done,
        Err(RunError::Io(error)) if is_reader_gone(&error) => Exit::Done,
        Err(error) => {
            terminal::complain(error);
            Exit::Failed
        }
    }
}

async fn until_signal<E>(run: impl Future<Output = Result<(), E>>, failed: fn(std::io::Error) -> E) -> Result<(), E> {
    Descriptors::raise();
    // It waits for signals once it has told that it is there; one that comes earlier is heard here.
    match Signals::new() {
        Ok(mut signals) => tokio::select! {
            ended = run => ended,
            () = signals.next() => Ok(()),
        },
        Err(error) => Err(failed(error)),
    }
}
