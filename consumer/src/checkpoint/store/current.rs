//! The object `current`, which names the query whose checkpoints a location stores.

use object_store::{Error, ObjectStoreExt, PutMode, UpdateVersion};

use super::{Store, StoreError, present};

const CURRENT: &str = "current";

/// The content of `current` when it was read.
#[derive(Clone, Debug)]
pub struct Current {
    /// The text, without white space around it.
    pub text: String,
    version: UpdateVersion,
}

impl Current {
    /// Returns the beginning of the text, for an error: the file may hold anything.
    pub fn excerpt(&self) -> String {
        const MOST: usize = 40;
        match self.text.char_indices().nth(MOST) {
            _ if self.text.is_empty() => "which is empty".to_owned(),
            Some((cut, _)) => format!("{}…", &self.text[..cut]),
            None => self.text.clone(),
        }
    }
}

impl Store {
    /// Reads `current`; returns `None` if there is none.
    ///
    /// # Errors
    /// Fails if it cannot be read, or is no text.
    pub fn current(&self) -> Result<Option<Current>, StoreError> {
        let path = self.root.clone().join(CURRENT);
        let read = self.wait(self.limits.answer, async {
            let found = self.objects.get(&path).await?;
            let version = UpdateVersion {
                e_tag: found.meta.e_tag.clone(),
                version: found.meta.version.clone(),
            };
            Ok((found.bytes().await?, version))
        });
        let found = present(read).map_err(|error| self.failed("read", path, error))?;
        Ok(found.map(|(bytes, version)| Current {
            text: String::from_utf8_lossy(&bytes).trim().to_owned(),
            version,
        }))
    }

    /// Sets `current` to `text`, if it still has the content that was read: of several processes that try, one
    /// succeeds. Returns `false`, and changes nothing, if its content is another by now.
    ///
    /// # Errors
    /// Fails if it cannot be written. It may be written all the same.
    pub fn set_current(&self, previous: Option<&Current>, text: &str) -> Result<bool, StoreError> {
        let path = self.root.clone().join(CURRENT);
        let mode = match previous {
            None => PutMode::Create,
            Some(previous) => PutMode::Update(previous.version.clone()),
        };
        match self.put(&path, format!("{text}\n").into(), mode) {
            Ok(()) => Ok(true),
            // A request that is repeated after its answer was lost finds its own text.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                let now = self.current()?;
                Ok(now.is_some_and(|now| now.text == text))
            }
            Err(error) => Err(self.failed("write", path, error)),
        }
    }
}
