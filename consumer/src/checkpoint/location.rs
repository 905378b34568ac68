//! CHECKPOINT_LOCATION: a URL, and the store that it names.
//!
//! Every build serves `file:///…`; builds with the feature `cloud` also serve `s3://`, `gs://` and `az://`. What clouds
//! need beside the URL (keys, region, endpoint) comes from their usual environment variables. The caller passes these
//! on, and they are never shown.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};
use std::path::{self, PathBuf};
use std::sync::Arc;

use kafka_access::SettingsError;
use kafka_access::secret::HIDDEN;
#[cfg(feature = "cloud")]
use kafka_access::secret::Secrets;
use object_store::path::Path;
use url::{ParseError, Url};

use super::durable_files::DurableFiles;
use super::store::{Store, StoreError};

const SETTING: &str = "CHECKPOINT_LOCATION";
const SERVED: &str = "use file:///…, s3://…, gs://… or az://…";

/// A location of checkpoints: a URL that has been checked as far as that is possible without a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    url: Url,
    place: StorePlace,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum StorePlace {
    Files(PathBuf),
    #[cfg(feature = "cloud")]
    Cloud(Options),
}

/// Names and values that a cloud's client gets beside the URL. Some of the values are secret.
#[cfg(feature = "cloud")]
#[derive(Clone, PartialEq, Eq)]
struct Options(Vec<(String, String)>);

#[cfg(feature = "cloud")]
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(name, _value)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Location {
    /// Reads the setting. For a cloud it takes the variables of `environment` whose names begin with AWS_, GOOGLE_ or
    /// AZURE_.
    ///
    /// # Errors
    /// Fails if the value is no URL, or one that is not served here. The error says what to write instead.
    pub fn parse(
        value: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SettingsError> {
        let value = value.trim();
        let wrong = |mend: &str| SettingsError::new(SETTING, shown(value), mend);
        let url = match Url::parse(value) {
            Ok(url) => url,
            Err(ParseError::RelativeUrlWithoutBase) => return Err(wrong(&as_url(value))),
            Err(error) => return Err(wrong(&format!("it is no URL: {error}; {SERVED}"))),
        };
        if url.password().is_some() || !url.username().is_empty() && !has_container(&url) {
            return Err(wrong(
                "neither a user nor a password belongs into a URL; use the cloud's environment variables",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong(
                "it has a ? or #; in a path write %3F and %23 for them",
            ));
        }
        let place = match url.scheme() {
            "file" => StorePlace::Files(folder(value, &url).map_err(|mend| wrong(&mend))?),
            "s3" | "s3a" | "gs" | "az" | "azure" | "abfs" | "abfss" | "adl" => {
                cloud(&url, environment).map_err(|mend| wrong(&mend))?
            }
            "hdfs" => {
                return Err(wrong(
                    "HDFS is not served: its client for Rust cannot replace a file only if it has not \
                     changed, which keeps two queries from one location; use file:///… on a mounted \
                     HDFS, s3://…, gs://… or az://…",
                ));
            }
            _ => return Err(wrong(&format!("its kind of store is not known; {SERVED}"))),
        };
        Ok(Self { url, place })
    }

    /// Opens the store at this location, without a request and without writing anything.
    ///
    /// # Errors
    /// Fails if the cloud's settings are wrong or missing.
    pub fn open(&self) -> Result<Store, StoreError> {
        let failed = |reason: String| StoreError::Open {
            location: self.to_string(),
            reason,
        };
        match &self.place {
            StorePlace::Files(folder) => {
                let root =
                    Path::from_absolute_path(folder).map_err(|error| failed(error.to_string()))?;
                let files = DurableFiles::new(folder.clone());
                Store::new(Arc::new(files), root, self.url.as_str())
            }
            #[cfg(feature = "cloud")]
            StorePlace::Cloud(Options(options)) => {
                let secrets = secrets_in(options);
                let (objects, root) = object_store::parse_url_opts(&self.url, options.clone())
                    .map_err(|error| failed(secrets.concealed(&error)))?;
                let store = Store::new(objects.into(), root, self.url.as_str())?;
                Ok(store.concealing(secrets))
            }
        }
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Returns whether the text before the host's `@` is a container's name.
fn has_container(url: &Url) -> bool {
    matches!(url.scheme(), "az" | "azure" | "abfs" | "abfss" | "adl")
}

/// Returns the part of a value that may be shown: keys and tokens stand before an `@`, and behind a `?`.
fn shown(value: &str) -> Cow<'_, str> {
    let is_path = value.starts_with(['/', '.', '~']) || value.starts_with("file:/");
    if is_path && !value.starts_with("file://") || value.starts_with("file:///") {
        return Cow::Borrowed(value);
    }
    if !value.contains(['@', '?', '#']) {
        return Cow::Borrowed(value);
    }
    let is_scheme = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric());
    match value.split_once("://") {
        Some((scheme, _)) if is_scheme(scheme) => Cow::Owned(format!("{scheme}://{HIDDEN}")),
        _ => Cow::Borrowed(HIDDEN),
    }
}

/// Returns a path written as a URL.
fn as_url(value: &str) -> String {
    // An unquoted `~` would have been replaced by the home folder in the shell.
    let absolute = if value.starts_with('~') || shown(value) == HIDDEN {
        None
    } else {
        path::absolute(value).ok()
    };
    match absolute.and_then(|path| Url::from_file_path(path).ok()) {
        Some(url) => format!("it is a URL; write {url}"),
        None => "it is a URL; write file:/// and the folder's full path".to_owned(),
    }
}

fn folder(value: &str, url: &Url) -> Result<PathBuf, String> {
    let rest = value.get("file:".len()..).unwrap_or_default();
    if url.host().is_some() || !rest.starts_with("///") {
        let path = rest.trim_start_matches('/');
        return Err(format!("a file has no host; write file:///{path}"));
    }
    match url.to_file_path() {
        Ok(path) if path.parent().is_some() => Ok(path),
        Ok(_) => Err("it names no folder; write file:/// and the folder's full path".to_owned()),
        Err(()) => Err("it is no path of this system".to_owned()),
    }
}

#[cfg(feature = "cloud")]
fn cloud(
    url: &Url,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<StorePlace, String> {
    if let Err(error) = object_store::ObjectStoreScheme::parse(url) {
        return Err(format!("{error}; write {}://<bucket>/<path>", url.scheme()));
    }
    let is_of_a_cloud = |name: &str| {
        let prefixes = ["AWS_", "GOOGLE_", "AZURE_"];
        prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    let options = environment.into_iter();
    let options: Vec<_> = options
        .filter(|(name, _value)| is_of_a_cloud(name))
        .collect();
    // The store's client repeats the URL of a request in its errors, and in its log.
    let has_user = |(name, value): &&(String, String)| {
        name.contains("ENDPOINT")
            && value
                .split_once("://")
                .is_some_and(|url| url.1.contains('@'))
    };
    match options.iter().find(has_user) {
        Some((name, _value)) => Err(format!(
            "{name} has a user or a password in it; give keys by the cloud's other environment variables"
        )),
        None => Ok(StorePlace::Cloud(Options(options))),
    }
}

/// Returns the options of a cloud that nobody may see.
#[cfg(feature = "cloud")]
fn secrets_in(options: &[(String, String)]) -> Secrets {
    let parts = [
        "KEY",
        "SECRET",
        "TOKEN",
        "PASS",
        "CREDENTIAL",
        "SAS",
        "PROXY",
    ];
    let is_secret = |name: &str| parts.iter().any(|part| name.contains(part));
    let secret = options.iter().filter(|(name, _value)| is_secret(name));
    Secrets::new(secret.map(|(_name, value)| value.as_str()))
}

#[cfg(not(feature = "cloud"))]
fn cloud(
    url: &Url,
    _environment: impl IntoIterator<Item = (String, String)>,
) -> Result<StorePlace, String> {
    Err(format!(
        "this build has no {}://; build it with --features cloud, or use file:///…",
        url.scheme()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(value: &str) -> String {
        Location::parse(value, []).unwrap_err().to_string()
    }

    #[test]
    fn a_folder_is_named_by_its_url() {
        let location = Location::parse(" file:///data/check%20points ", []).unwrap();
        assert_eq!(
            location.place,
            StorePlace::Files("/data/check points".into())
        );
        assert_eq!(location.to_string(), "file:///data/check%20points");
    }

    #[test]
    fn a_path_is_told_how_it_is_written_as_a_url() {
        assert_eq!(
            refused("/data/check points"),
            "CHECKPOINT_LOCATION=/data/check points: it is a URL; write file:///data/check%20points"
        );
        let here = std::env::current_dir().unwrap();
        let url = Url::from_file_path(here.join("x")).unwrap();
        assert_eq!(
            refused("./x"),
            format!("CHECKPOINT_LOCATION=./x: it is a URL; write {url}")
        );
        assert_eq!(
            refused("~/x"),
            "CHECKPOINT_LOCATION=~/x: it is a URL; write file:/// and the folder's full path"
        );
    }

    #[test]
    fn a_file_has_no_host_and_is_not_the_root() {
        for value in ["file://data/x", "file:data/x"] {
            assert_eq!(
                refused(value),
                format!("CHECKPOINT_LOCATION={value}: a file has no host; write file:///data/x")
            );
        }
        assert_eq!(
            refused("file:///"),
            "CHECKPOINT_LOCATION=file:///: it names no folder; write file:/// and the folder's full path"
        );
        assert_eq!(
            refused("file:///a#b"),
            "CHECKPOINT_LOCATION=file:///a#b: it has a ? or #; in a path write %3F and %23 for them"
        );
    }

    #[test]
    fn what_is_not_served_is_refused_with_the_reason() {
        let hdfs = refused("hdfs://namenode:9000/x");
        assert!(hdfs.contains("HDFS is not served: "), "{hdfs}");
        assert_eq!(
            refused("ftp://host/x"),
            "CHECKPOINT_LOCATION=ftp://host/x: its kind of store is not known; \
             use file:///…, s3://…, gs://… or az://…"
        );
    }

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        for value in [
            "s3://key:hunter2@bucket/x",
            "s3://key:sl/hunter2@bucket/x",
            "s3://key:a#hunter2@bucket/x",
            "s3://hunter2@bucket/x",
            "gs://hunter2@bucket/x",
            "az://container:hunter2@account/x",
            "az://container/x?sv=1&sig=hunter2",
            "https://account.example/x?sig=hunter2",
            "ftp://user:hunter2@host/x",
            "key:hunter2@bucket/x",
            "key:hu/hunter2@bucket",
            "hunter2@bucket/x",
            "file://user:hunter2@host/x",
            "file://hunter2@host/x",
        ] {
            let refused = refused(value);
            assert!(!refused.contains("hunter2"), "{refused}");
            assert!(refused.starts_with("CHECKPOINT_LOCATION="), "{refused}");
        }
    }

    #[cfg(not(feature = "cloud"))]
    #[test]
    fn a_build_without_clouds_says_so() {
        for scheme in ["s3", "gs", "az"] {
            assert_eq!(
                refused(&format!("{scheme}://bucket/x")),
                format!(
                    "CHECKPOINT_LOCATION={scheme}://bucket/x: this build has no {scheme}://; \
                     build it with --features cloud, or use file:///…"
                )
            );
        }
    }

    #[cfg(feature = "cloud")]
    #[test]
    fn a_build_with_clouds_opens_them() {
        let environment = [
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT", "http://127.0.0.1:9000"),
            ("AWS_ALLOW_HTTP", "true"),
            ("BUCKET", "another"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let location = Location::parse("s3://bucket/x", environment).unwrap();
        let shown = format!("{location:?}");
        assert!(
            shown.contains("AWS_SECRET_ACCESS_KEY") && !shown.contains("\"secret\""),
            "{shown}"
        );
        assert!(!shown.contains("BUCKET"), "{shown}");
        assert_eq!(location.open().unwrap().location(), "s3://bucket/x");
        let endpoint = ("AWS_ENDPOINT", "http://key:hunter2@127.0.0.1:9000");
        let environment = [(endpoint.0.to_owned(), endpoint.1.to_owned())];
        let refused = Location::parse("s3://bucket/x", environment).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "CHECKPOINT_LOCATION=s3://bucket/x: AWS_ENDPOINT has a user or a password in it; give keys by the \
             cloud's other environment variables"
        );
        for value in ["gs://bucket/x", "az://container@account/x"] {
            Location::parse(value, []).unwrap();
        }
    }
}
