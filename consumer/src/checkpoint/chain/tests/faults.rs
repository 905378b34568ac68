//! A store whose writes go wrong.

use std::collections::VecDeque;
use std::fmt::{self, Display, Formatter};
use std::sync::Mutex;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What becomes of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and has changed nothing.
    Fails,
    /// It is done, but its answer is lost, and it is told that it failed.
    AnswerLost,
    /// It is done, its answer is lost, and it is sent again.
    Repeated,
    /// A part of it is done, and it fails: a file system after a power failure.
    Torn(u8),
    /// It is told that it is done, and a part of it is: a disk that lies.
    TornSilently(u8),
    /// It is told that it is done, and nothing is.
    Lost,
}

impl Fault {
    /// Whether the store says that it has kept what it has not: no chain can be trusted then.
    pub fn lies(self) -> bool {
        matches!(self, Self::TornSilently(_) | Self::Lost)
    }
}

/// A store in memory; each write is met by the next of the faults that have been ordered.
#[derive(Debug, Default)]
pub struct Faulty {
    objects: object_store::memory::InMemory,
    faults: Mutex<VecDeque<Option<Fault>>>,
    /// How many objects can still be deleted, if not all.
    deletes: Mutex<Option<usize>>,
}

impl Faulty {
    pub fn order(&self, fault: Option<Fault>) {
        self.faults.lock().unwrap().push_back(fault);
    }

    pub fn allow_deletes(&self, deletes: Option<usize>) {
        *self.deletes.lock().unwrap() = deletes;
    }

    pub fn clear(&self) {
        self.faults.lock().unwrap().clear();
    }
}

fn error() -> Error {
    Error::Generic {
        store: "faulty",
        source: "no answer".into(),
    }
}

fn part(payload: &PutPayload, of_256: u8) -> PutPayload {
    let bytes: bytes::Bytes = payload.clone().into();
    let length = bytes.len() * usize::from(of_256) / 256;
    bytes.slice(..length).into()
}

impl Display for Faulty {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let fault = self.faults.lock().unwrap().pop_front().flatten();
        let put = |payload| self.objects.put_opts(location, payload, options.clone());
        let done = PutResult {
            e_tag: None,
            version: None,
        };
        match fault {
            None => put(payload).await,
            Some(Fault::Fails) => Err(error()),
            Some(Fault::AnswerLost) => put(payload).await.and(Err(error())),
            Some(Fault::Repeated) => {
                put(payload.clone()).await?;
                put(payload).await
            }
            Some(Fault::Torn(of_256)) => put(part(&payload, of_256)).await.and(Err(error())),
            Some(Fault::TornSilently(of_256)) => put(part(&payload, of_256)).await,
            Some(Fault::Lost) if options.mode == PutMode::Overwrite => Ok(done),
            // One that is there is found by whatever store.
            Some(Fault::Lost) => match self.objects.get_opts(location, GetOptions::default()).await
            {
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
        self.objects.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        if let Some(left) = self.deletes.lock().unwrap().as_mut() {
            if *left == 0 {
                return stream::once(async { Err(error()) }).boxed();
            }
            *left -= 1;
        }
        self.objects.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, options).await
    }
}
