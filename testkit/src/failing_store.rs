//! An object store in memory whose requests go wrong: a test decides what becomes of each.

use std::fmt::{self, Debug, Display, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, future};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result,
};

/// What is asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// An object is to be written.
    Write(&'a Path),
    /// An object, a part of one, or a list is to be read, or an object is to be copied.
    Read,
    /// Objects are to be deleted.
    Delete,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and has changed nothing.
    Fails,
    /// It is done, but its answer is lost, and it is told that it failed.
    AnswerLost,
    /// It is done, its answer is lost, and it is sent again.
    Repeated,
    /// So many 256ths of it are done, and it fails: a file system after a power failure.
    Torn(u8),
    /// It is told that it is done, and so many 256ths of it are: a disk that lies.
    TornSilently(u8),
    /// It is told that it is done, and nothing is.
    Lost,
    /// Nothing is ever heard of it.
    Silent,
}

impl Fault {
    /// Whether the store says that it has kept what it has not.
    pub fn is_lie(self) -> bool {
        matches!(self, Self::TornSilently(_) | Self::Lost)
    }

    /// Whether a request fails that changes nothing, or only deletes.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Fails | Self::AnswerLost | Self::Torn(_))
    }
}

/// One way to some objects. There can be several, each with faults of its own.
///
/// A write meets any fault as the fault says. A request that reads or deletes is not done if the fault is a failure, is
/// never answered if it is silent, and is done otherwise.
pub struct FailingStore {
    objects: Arc<InMemory>,
    decide: Box<dyn Fn(Request<'_>) -> Option<Fault> + Send + Sync>,
}

impl FailingStore {
    /// A way to `objects` on which `decide` is asked about each request, once.
    pub fn new(
        objects: Arc<InMemory>,
        decide: impl Fn(Request<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let decide = Box::new(decide);
        Self { objects, decide }
    }

    /// Returns whether a request that writes nothing is answered; an error if it fails.
    fn is_answered(&self, request: Request<'_>) -> Result<bool> {
        match (self.decide)(request) {
            Some(Fault::Silent) => Ok(false),
            Some(fault) if fault.is_failure() => Err(no_answer()),
            _ => Ok(true),
        }
    }

    async fn answer(&self, request: Request<'_>) -> Result<()> {
        match self.is_answered(request)? {
            true => Ok(()),
            false => future::pending().await,
        }
    }

    fn answers<T: Send + 'static>(
        &self,
        request: Request<'_>,
        stream: impl FnOnce() -> BoxStream<'static, Result<T>>,
    ) -> BoxStream<'static, Result<T>> {
        match self.is_answered(request) {
            Ok(true) => stream(),
            Ok(false) => stream::pending().boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        }
    }
}

fn no_answer() -> Error {
    Error::Generic {
        store: "failing",
        source: "no answer".into(),
    }
}

fn part(payload: PutPayload, of_256: u8) -> PutPayload {
    let bytes = Bytes::from(payload);
    let length = bytes.len() * usize::from(of_256) / 256;
    bytes.slice(..length).into()
}

impl Debug for FailingStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("FailingStore")
    }
}

impl Display for FailingStore {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("failing")
    }
}

#[async_trait]
impl ObjectStore for FailingStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let mode = options.mode.clone();
        let put = |payload| self.objects.put_opts(location, payload, options.clone());
        let done = PutResult {
            e_tag: None,
            version: None,
        };
        match (self.decide)(Request::Write(location)) {
            None => put(payload).await,
            Some(Fault::Fails) => Err(no_answer()),
            Some(Fault::AnswerLost) => put(payload).await.and(Err(no_answer())),
            Some(Fault::Repeated) => {
                put(payload.clone()).await?;
                put(payload).await
            }
            Some(Fault::Torn(of_256)) => put(part(payload, of_256)).await.and(Err(no_answer())),
            Some(Fault::TornSilently(of_256)) => put(part(payload, of_256)).await,
            Some(Fault::Lost) if mode == PutMode::Overwrite => Ok(done),
            // One that is there is found by whatever store.
            Some(Fault::Lost) => match self.objects.head(location).await {
                Ok(_) => put(payload).await,
                Err(_) => Ok(done),
            },
            Some(Fault::Silent) => future::pending().await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.answer(Request::Write(location)).await?;
        self.objects.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.answer(Request::Read).await?;
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.answers(Request::Delete, || self.objects.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.answers(Request::Read, || self.objects.list(prefix))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.answer(Request::Read).await?;
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.answer(Request::Read).await?;
        self.objects.copy_opts(from, to, options).await
    }
}
