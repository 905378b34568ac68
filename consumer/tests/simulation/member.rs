//! One member of the group: the production loop on a simulated client, called as its thread calls it.

use std::time::Instant;

use consumer::source::member::{
    AfterStep, MemberInbox, MemberLoop, MemberRemote, MemberSettings, SessionEnd, mailbox,
};
use consumer::source::own_partitions::OwnPartitions;

use super::client::{Done, Rebalance, SimulatedClient};
use super::dice::Dice;
use super::process::Checked;
use super::settings::Sabotage;

pub struct Member {
    main_loop: MemberLoop,
    own: Box<dyn Fn() -> OwnPartitions>,
    /// The client; `None` while the member waits for a new one, after the last one broke.
    client: Option<SimulatedClient>,
    inbox: MemberInbox,
    pub remote: MemberRemote,
    dice: Dice,
    sabotage: Option<Sabotage>,
}

impl Member {
    /// Makes a member that is going to join.
    pub fn new(settings: MemberSettings, dice: Dice, sabotage: Option<Sabotage>) -> Self {
        let (remote, inbox) = mailbox();
        let (checkpoints, extents) = (settings.checkpoints.clone(), settings.extents.clone());
        Self {
            main_loop: MemberLoop::new(settings, remote.clone()),
            own: Box::new(move || OwnPartitions::new(checkpoints.clone(), extents.clone())),
            client: None,
            inbox,
            remote,
            dice,
            sabotage,
        }
    }

    /// Returns the client, while the member has one.
    pub fn client(&self) -> Option<&SimulatedClient> {
        self.client.as_ref()
    }

    /// Makes a client and joins with it.
    pub fn join(&mut self) -> Checked {
        let client = SimulatedClient::new((self.own)(), self.dice.split(), self.sabotage);
        self.main_loop
            .join(&client)
            .map_err(|error| error.to_string())?;
        self.client = Some(client);
        Ok(())
    }

    /// Sends a message of the group.
    pub fn tell(&self, rebalance: Rebalance) {
        if let Some(client) = &self.client {
            client.tell(rebalance);
        }
    }

    /// Makes the next step of the member's loop.
    pub fn step(&mut self, now: Instant) -> Checked<Stepped> {
        let Some(client) = &self.client else {
            if let Some(command) = self.inbox.take() {
                self.main_loop.obey_without_client(command);
            }
            return Ok(Stepped::default());
        };
        let after = self.main_loop.step(client, &self.inbox, now);
        let done = client.take_done();
        let mut stepped = Stepped {
            done,
            ..Stepped::default()
        };
        match after.map_err(|error| error.to_string())? {
            AfterStep::Go => {}
            AfterStep::Sleep(_) => stepped.sleeps = true,
            AfterStep::Leave(SessionEnd::Stopped) => return Err("it stops".to_owned()),
            AfterStep::Leave(SessionEnd::Anew(reason)) => {
                self.client = None;
                self.main_loop.leave(&reason);
                stepped.left = Some(reason);
            }
        }
        Ok(stepped)
    }
}

/// The outcome of a step.
#[derive(Debug, Default)]
pub struct Stepped {
    pub done: Done,
    /// The loop has nothing to do.
    pub sleeps: bool,
    /// The reason why the client broke, if it did.
    pub left: Option<String>,
}
