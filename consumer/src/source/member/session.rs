//! The thread of one member. It makes a client for the member's loop, calls the loop again and again, and sleeps when
//! nothing is there. After a fatal error a new client takes the place of the broken one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender};
use rdkafka::consumer::BaseConsumer;

use super::polling::{AfterStep, MemberLoop, SessionEnd};
use super::{MemberError, MemberInbox, wake};
use crate::source::client::MemberClient;
use crate::source::client::librdkafka::LibrdkafkaClient;
use crate::source::closing::Closing;
use crate::source::group_context::GroupContext;

/// How long the member waits before a new client takes the place of a broken one.
const BACKOFF: Duration = Duration::from_secs(1);

/// Runs the member until it is told to stop. Clients wake it with `wake_up`.
pub(super) fn run(
    member: &mut MemberLoop,
    inbox: &MemberInbox,
    wake_up: &Sender<()>,
) -> Result<(), MemberError> {
    loop {
        let settings = member.settings();
        let context =
            GroupContext::new(settings.checkpoints.clone(), Arc::clone(&settings.extents));
        let mut consumer: BaseConsumer<GroupContext> = settings
            .client
            .create_with_context(context)
            .map_err(MemberError::client("starting the Kafka client"))?;
        let sender = wake_up.clone();
        consumer.set_nonempty_callback(move || wake(&sender));
        let consumer = Closing::from(consumer);
        let sender = wake_up.clone();
        let client = LibrdkafkaClient::open(&consumer, move || wake(&sender));
        member.join(&client)?;
        let end = session(member, &client, inbox)?;
        drop(client);
        drop(consumer);
        match end {
            SessionEnd::Stopped => return Ok(()),
            SessionEnd::Anew(reason) => {
                member.leave(&reason);
                if back_off(member, inbox) {
                    return Ok(());
                }
            }
        }
    }
}

/// Calls the loop until it has finished with this client.
fn session(
    member: &mut MemberLoop,
    client: &impl MemberClient,
    inbox: &MemberInbox,
) -> Result<SessionEnd, MemberError> {
    loop {
        match member.step(client, inbox, Instant::now())? {
            AfterStep::Go => {}
            AfterStep::Sleep(longest) => inbox.sleep(longest),
            AfterStep::Leave(end) => return Ok(end),
        }
    }
}

/// Waits before the next client is made. Returns `true` if the member is to stop.
fn back_off(member: &mut MemberLoop, inbox: &MemberInbox) -> bool {
    let until = Instant::now() + BACKOFF;
    loop {
        match inbox.take_until(until) {
            Ok(command) => {
                if member.obey_without_client(command) {
                    return true;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}
