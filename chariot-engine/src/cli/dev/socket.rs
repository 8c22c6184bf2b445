//! [`Socket`]: the socket on which a new engine finds its loop. The loop makes one for each engine.

use std::{
    env, fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
};

use tokio::net::{UnixListener, UnixStream};

/// A socket in a folder that only this user can enter. The folder is removed on drop, so nothing stays of a loop that is
/// killed later.
pub(super) struct Socket {
    listener: UnixListener,
    folder: PathBuf,
    path: PathBuf,
}

impl Socket {
    /// Makes a socket among the temporary files, within a tokio runtime.
    ///
    /// # Errors
    /// A folder for temporary files that cannot be written, or whose path is too long for a socket.
    pub(super) fn new() -> io::Result<Self> {
        let mut attempt = 0;
        let folder = loop {
            let path = env::temp_dir().join(format!("chariot-dev-{}-{attempt}", process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => break path,
                // It is that of another engine.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
                Err(error) => return Err(error),
            }
        };
        let path = folder.join("socket");
        match UnixListener::bind(&path) {
            Ok(listener) => Ok(Socket { listener, folder, path }),
            Err(error) => {
                // It is empty.
                let _ = fs::remove_dir(&folder);
                Err(error)
            }
        }
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the engine. Cancel safe.
    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What stays is an empty file among the temporary ones.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
