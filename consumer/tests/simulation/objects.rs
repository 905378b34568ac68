//! An object store as one process sees it: requests fail, answers are lost, writes are torn, repeated or
//! lost; and a process that is killed gets no further.

use std::fmt::{self, Debug, Display, Formatter};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

use super::dice::Dice;

/// What becomes of requests.
#[derive(Debug)]
pub struct Trouble {
    pub dice: Dice,
    /// So many in a hundred go wrong.
    pub percent: usize,
    /// Whether the store says that it has kept what it has not.
    pub lies: bool,
    pub has_lied: bool,
    pub deleted: usize,
    /// So many requests are left to a process that is being killed.
    pub left: Option<usize>,
}

impl Trouble {
    pub fn new(dice: Dice, percent: usize, lies: bool) -> Self {
        Self {
            dice,
            percent,
            lies,
            has_lied: false,
            deleted: 0,
            left: None,
        }
    }

    fn fault(&mut self) -> Fault {
        match &mut self.left {
            Some(0) => return Fault::Fails,
            Some(left) => {
                *left -= 1;
                if *left == 0 {
                    return match self.dice.below(3) {
                        0 => Fault::Fails,
                        1 => Fault::AnswerLost,
                        _ => Fault::Torn,
                    };
                }
            }
            None => {}
        }
        if !self.dice.chance(self.percent) {
            return Fault::None;
        }
        match self.dice.below(if self.lies { 6 } else { 4 }) {
            0 => Fault::Fails,
            1 => Fault::AnswerLost,
            2 => Fault::Repeated,
            3 => Fault::Torn,
            4 => Fault::TornSilently,
            _ => Fault::Lost,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Nothing is done.
    Fails,
    /// It is done, and it is told that it failed.
    AnswerLost,
    /// It is done, its answer is lost, and it is sent again.
    Repeated,
    /// A part of it is done, and it fails: a file system after a power failure.
    Torn,
    /// It is told that it is done, and a part of it is: a disk that lies.
    TornSilently,
    /// It is told that it is done, and nothing is.
    Lost,
}

/// One process's way to the objects of all.
pub struct Line {
    objects: Arc<InMemory>,
    trouble: Arc<Mutex<Trouble>>,
}

impl Line {
    pub fn new(objects: Arc<InMemory>, trouble: Arc<Mutex<Trouble>>) -> Self {
        Self { objects, trouble }
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap()
    }

    /// Whether a request that changes nothing fails.
    fn answers(&self) -> Result<()> {
        match self.trouble().fault() {
            Fault::None | Fault::Repeated | Fault::Lost | Fault::TornSilently => Ok(()),
            Fault::Fails | Fault::AnswerLost | Fault::Torn => Err(no_answer()),
        }
    }

    fn fault_of_write(&self, location: &Path) -> Fault {
        let mut trouble = self.trouble();
        let fault = trouble.fault();
        // Only checkpoints can be told to be torn or lost; the others are said to need `--reset` then.
        let is_checkpoint = location.filename().is_some_and(|name| name.contains('-'));
        match fault {
            Fault::Torn if !is_checkpoint => Fault::Fails,
            Fault::TornSilently | Fault::Lost if !is_checkpoint => Fault::None,
            Fault::TornSilently | Fault::Lost => {
                trouble.has_lied = true;
                fault
            }
            _ => fault,
        }
    }

    fn part(&self, payload: PutPayload) -> PutPayload {
        let bytes = Bytes::from(payload);
        let length = self.trouble().dice.below(bytes.len());
        bytes.slice(..length).into()
    }
}

fn no_answer() -> Error {
    Error::Generic {
        store: "simulated",
        source: "no answer".into(),
    }
}

impl Debug for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("simulated")
    }
}

#[async_trait]
impl ObjectStore for Line {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let fault = self.fault_of_write(location);
        let mode = options.mode.clone();
        let put = |payload| self.objects.put_opts(location, payload, options.clone());
        let done = PutResult {
            e_tag: None,
            version: None,
        };
        match fault {
            Fault::None => put(payload).await,
            Fault::Fails => Err(no_answer()),
            Fault::AnswerLost => put(payload).await.and(Err(no_answer())),
            Fault::Repeated => {
                put(payload.clone()).await?;
                put(payload).await
            }
            Fault::Torn => put(self.part(payload)).await.and(Err(no_answer())),
            Fault::TornSilently => put(self.part(payload)).await,
            Fault::Lost if mode == PutMode::Overwrite => Ok(done),
            // One that is there is found by whatever store.
            Fault::Lost => match self.objects.head(location).await {
                Ok(_) => put(payload).await,
                Err(_) => Ok(done),
            },
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.answers()?;
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        match self.answers() {
            Ok(()) => {
                self.trouble().deleted += 1;
                self.objects.delete_stream(locations)
            }
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.answers() {
            Ok(()) => self.objects.list(prefix),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.answers()?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answers()?;
        self.objects.copy_opts(from, to, options).await
    }
}
