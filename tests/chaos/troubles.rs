//! What goes wrong, one thing after the other, and how each ends by itself.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use watchpost::simulator::milestone::DropHow;

use crate::{
    decks::{EEN, MILESTONE, SIMPLISAFE_MILD, SIMPLISAFE_WILD, VXG_MILD, VXG_WILD},
    durable_support::{MS, Reply, Rng, SECOND, kill, limit, pace},
    plan::Plan,
    world::World,
};

/// Faults of one simulator that are on at a time.
const AT_ONCE: usize = 3;
const VENDORS: [&str; 4] = ["milestone", "een", "simplisafe", "vxg"];
const DROPS: [DropHow; 6] =
    [DropHow::Close(1001), DropHow::Close(1011), DropHow::Fin, DropHow::Reset, DropHow::MidFrame, DropHow::HalfOpen];

/// A program that has not been up for so long may not have its journal open yet.
const START: Duration = Duration::from_secs(5);

/// What was done.
#[derive(Default)]
pub(crate) struct Tally {
    /// By vendor and name.
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) others: BTreeMap<&'static str, u64>,
    pub(crate) steps: Vec<String>,
    /// The program ended though nobody ended it.
    pub(crate) died: Vec<String>,
}

/// What ends later.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Undo {
    Listen(&'static str),
    Continue,
    Room,
    HookAnswers,
    HookUp,
    Mqtt,
    Nats,
}

pub(crate) struct Troubles<'a> {
    world: &'a mut World,
    plan: Plan,
    rng: Rng,
    began: Instant,
    tally: Tally,
    undo: Vec<(Instant, Undo)>,
    on: BTreeMap<&'static str, VecDeque<&'static str>>,
}

impl<'a> Troubles<'a> {
    pub(crate) fn begin(world: &'a mut World, plan: &Plan) -> Self {
        Self {
            world,
            plan: *plan,
            rng: Rng::new(plan.seed),
            began: Instant::now(),
            tally: Tally::default(),
            undo: Vec::new(),
            on: BTreeMap::new(),
        }
    }

    /// Lets things go wrong for as long as the plan says, then ends all of it.
    pub(crate) fn run(mut self) -> Tally {
        let mut insisted = Instant::now();
        while self.began.elapsed() < self.plan.trouble {
            self.step();
            let much = usize::try_from(self.rng.between(1, 12)).unwrap();
            self.world.happen(much);
            pace(self.rng.between(20, 180) as u32 * MS);
            self.end_what_is_due(false);
            self.look_after();
            if insisted.elapsed() > 2 * SECOND && !self.is_under_way(Undo::Continue) {
                insisted = Instant::now();
                self.world.insist();
            }
        }
        self.calm();
        self.tally
    }

    fn note(&mut self, what: &str) {
        self.tally.steps.push(format!("{:>8.3} {what}", self.began.elapsed().as_secs_f64()));
    }

    fn count(&mut self, what: &'static str) {
        *self.tally.others.entry(what).or_default() += 1;
        self.note(what);
    }

    /// How long something lasts.
    fn while_of(&mut self, from: u64, to: u64) -> Instant {
        Instant::now() + Duration::from_millis(self.rng.between(from, to))
    }

    fn is_under_way(&self, undo: Undo) -> bool {
        self.undo.iter().any(|(_, known)| *known == undo)
    }

    fn step(&mut self) {
        match self.rng.below(100) {
            0..64 => self.inject(),
            64..74 => self.drop_sockets(),
            74..79 => self.go_away(),
            79..86 => self.kill(),
            86..88 => self.terminate(),
            88..91 => self.stand_still(),
            91..93 => self.fill_the_disk(),
            93..97 => self.spoil_the_hook(),
            97 => self.end_mqtt(),
            98 => self.end_nats(),
            _ => {
                self.world.milestone.forget_sessions();
                self.count("sessions of Milestone forgotten");
            }
        }
    }

    fn deck(&self, vendor: &str) -> Vec<&'static str> {
        let both = |mild: &[&'static str], wild: &[&'static str]| match self.plan.is_mild() {
            true => mild.to_vec(),
            false => [mild, wild].concat(),
        };
        match vendor {
            "milestone" => MILESTONE.to_vec(),
            "een" => EEN.to_vec(),
            "simplisafe" => both(SIMPLISAFE_MILD, SIMPLISAFE_WILD),
            _ => both(VXG_MILD, VXG_WILD),
        }
    }

    fn inject(&mut self) {
        let vendor = *self.rng.pick(&VENDORS);
        let deck = self.deck(vendor);
        let fault = *self.rng.pick(&deck);
        let name = fault.split('=').next().unwrap();
        switch(self.world, vendor, fault, true);
        *self.tally.faults.entry(format!("{vendor} {name}")).or_default() += 1;
        self.note(&format!("{vendor} {fault}"));
        let on = self.on.entry(vendor).or_default();
        on.push_back(fault);
        if on.len() > AT_ONCE
            && let Some(oldest) = on.pop_front()
        {
            switch(self.world, vendor, oldest, false);
        }
    }

    fn drop_sockets(&mut self) {
        let how = *self.rng.pick(&DROPS);
        match self.rng.below(3) {
            0 => self.world.milestone.drop_sockets(how),
            1 => self.world.een.drop_sockets(how),
            _ => self.world.simplisafe.drop_sockets(how),
        };
        self.count("sockets dropped");
    }

    fn go_away(&mut self) {
        let vendor = *self.rng.pick(&VENDORS);
        if self.is_under_way(Undo::Listen(vendor)) {
            return;
        }
        match vendor {
            "milestone" => self.world.milestone.pause_listening(),
            "een" => self.world.een.pause_listening(),
            "simplisafe" => self.world.simplisafe.pause_listening(),
            _ => self.world.vxg.pause_listening(),
        }
        self.count("a vendor away");
        let until = self.while_of(100, 3_000);
        self.undo.push((until, Undo::Listen(vendor)));
    }

    fn kill(&mut self) {
        if let Some(mut program) = self.world.program.take() {
            kill(&mut program);
        }
        self.undo.retain(|(_, undo)| !matches!(undo, Undo::Continue | Undo::Room));
        self.count("SIGKILL");
        if self.rng.below(4) == 0 {
            pace(self.rng.between(0, 3_000) as u32 * MS);
        }
        self.world.run();
        // Now and then in the midst of its start.
        while self.rng.below(3) == 0 {
            pace(self.rng.between(0, 150) as u32 * MS);
            if let Some(mut program) = self.world.program.take() {
                kill(&mut program);
            }
            self.count("SIGKILL amid a start");
            self.world.run();
        }
    }

    fn terminate(&mut self) {
        if self.is_under_way(Undo::Continue) || self.is_under_way(Undo::Room) {
            return;
        }
        self.count("SIGTERM");
        if let Some(mut program) = self.world.program.take() {
            program.signal("TERM");
            let status = program.wait();
            // A shell that has not become the program yet, and a program that listens to no signal yet, end by the signal.
            if !status.success() && status.code().is_some() {
                self.tally.died.push(format!("SIGTERM ended it with {status}"));
            }
        }
        self.world.run();
    }

    fn stand_still(&mut self) {
        if self.is_under_way(Undo::Continue) {
            return;
        }
        self.count("SIGSTOP and SIGCONT");
        if let Some(program) = &self.world.program {
            program.signal("STOP");
        }
        let until = self.while_of(50, 1_500);
        self.undo.push((until, Undo::Continue));
    }

    fn fill_the_disk(&mut self) {
        if let Some(program) = &self.world.program {
            limit(program, Some(64 << 10));
        }
        self.count("disk full");
        let until = self.while_of(200, 3_000);
        self.undo.push((until, Undo::Room));
    }

    fn spoil_the_hook(&mut self) {
        if self.is_under_way(Undo::HookAnswers) || self.is_under_way(Undo::HookUp) {
            return;
        }
        let until = self.while_of(200, 4_000);
        let reply = match self.rng.below(5) {
            0 => {
                self.count("receiver away");
                self.world.hook.go_down();
                self.undo.push((until, Undo::HookUp));
                return;
            }
            1 => Reply::Status(500, String::new()),
            2 => Reply::HangUp,
            3 => Reply::Hang,
            _ => Reply::AcceptAfter(300 * MS),
        };
        self.count("receiver that fails, hangs or is slow");
        self.world.hook.rule(move |_, _| reply.clone());
        self.undo.push((until, Undo::HookAnswers));
    }

    fn end_mqtt(&mut self) {
        if self.is_under_way(Undo::Mqtt) {
            return;
        }
        self.world.mqtt.end();
        self.count("MQTT broker down");
        let until = self.while_of(100, 4_000);
        self.undo.push((until, Undo::Mqtt));
    }

    fn end_nats(&mut self) {
        if self.is_under_way(Undo::Nats) {
            return;
        }
        self.world.nats.kill();
        self.count("NATS server killed");
        let until = self.while_of(100, 4_000);
        self.undo.push((until, Undo::Nats));
    }

    fn end_what_is_due(&mut self, all: bool) {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.undo).into_iter().partition(|(until, _)| all || *until <= now);
        self.undo = later;
        let due: Vec<(Instant, Undo)> = due;
        for (_, undo) in due {
            self.note(&format!("ends: {undo:?}"));
            match undo {
                Undo::Listen("milestone") => self.world.milestone.resume_listening().unwrap(),
                Undo::Listen("een") => self.world.een.resume_listening().unwrap(),
                Undo::Listen("simplisafe") => self.world.simplisafe.resume_listening().unwrap(),
                Undo::Listen(_) => self.world.vxg.resume_listening().unwrap(),
                Undo::Continue => self.world.program.iter().for_each(|program| program.signal("CONT")),
                Undo::Room => self.world.program.iter().for_each(|program| limit(program, None)),
                Undo::HookAnswers => self.world.hook.rule(|_, _| Reply::Accept),
                Undo::HookUp => self.world.hook.come_back(),
                Undo::Mqtt => self.world.mqtt.begin(),
                Undo::Nats => self.world.nats.restart(),
            }
        }
    }

    /// Nobody else ends the program.
    fn look_after(&mut self) {
        let Some(program) = &mut self.world.program else { return };
        if let Some(status) = program.0.try_wait().unwrap() {
            // A journal that cannot be opened is a reason not to start, which whoever starts it again cures.
            let is_starting = self.world.started.elapsed() < START;
            if is_starting && status.code() == Some(1) && self.is_under_way(Undo::Room) {
                self.count("start refused for a full disk");
                return self.world.run();
            }
            self.tally.died.push(format!("it ended with {status} at {:?}", self.began.elapsed()));
            self.note("it has ended");
            self.world.run();
        }
    }

    /// Ends everything that goes wrong.
    fn calm(&mut self) {
        self.end_what_is_due(true);
        for (vendor, faults) in std::mem::take(&mut self.on) {
            for fault in faults {
                switch(self.world, vendor, fault, false);
            }
        }
        // What is half open or stalled only another socket cures.
        self.world.milestone.drop_sockets(DropHow::Reset);
        self.note("quiet");
    }
}

fn switch(world: &World, vendor: &str, fault: &str, on: bool) {
    macro_rules! switch {
        ($vendor:ident) => {{
            let fault: watchpost::simulator::$vendor::Fault = fault.parse().unwrap();
            match on {
                true => world.$vendor.inject(fault),
                false => world.$vendor.clear(fault.kind()),
            }
        }};
    }
    match vendor {
        "milestone" => switch!(milestone),
        "een" => switch!(een),
        "simplisafe" => switch!(simplisafe),
        _ => switch!(vxg),
    }
}
