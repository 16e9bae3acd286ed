//! How the settings have etcd reached.

use crate::access::secret_in;
use crate::config::Config;
use crate::metadata::{EtcdCredentials, EtcdOptions, EtcdTls};

/// What the settings say of etcd.
///
/// # Errors
/// Text that names the setting that does not do.
pub(super) fn options(config: &Config) -> Result<EtcdOptions, String> {
    let mut options = EtcdOptions::new(config.etcd.iter().cloned());
    let tls = EtcdTls {
        ca_file: config.etcd_ca_file.clone(),
        certificate_file: config.etcd_cert_file.clone(),
        key_file: config.etcd_key_file.clone(),
    };
    let files = [&tls.ca_file, &tls.certificate_file, &tls.key_file];
    if files.iter().any(|file| file.is_some()) {
        options.tls = Some(tls);
    }
    options.credentials = credentials(config)?;
    Ok(options)
}

fn credentials(config: &Config) -> Result<Option<EtcdCredentials>, String> {
    let by_file = config.etcd_password_file.as_ref();
    let Some(user) = &config.etcd_user else {
        return match by_file.is_some() || config.etcd_password.is_some() {
            true => Err("etcd has a password, and no user: name it with --etcd-user".to_owned()),
            false => Ok(None),
        };
    };
    let password = match (by_file, &config.etcd_password) {
        (Some(_), Some(_)) => {
            return Err("--etcd-password-file has the password of the user of etcd, and so has TSDB_ETCD_PASSWORD or the file of settings: leave one out".to_owned());
        }
        (Some(file), None) => secret_in(file)
            .map_err(|why| format!("--etcd-password-file: {}: {why}", file.display()))?,
        (None, Some(password)) => password.clone(),
        (None, None) => {
            return Err("--etcd-user has no password: --etcd-password-file or the variable TSDB_ETCD_PASSWORD has it".to_owned());
        }
    };
    Ok(Some(EtcdCredentials::of_secret(user, password)))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of settings are no data")]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::access::Secret;

    fn config(more: &[&str]) -> Config {
        let fixed = ["tsdb-server", "--etcd", "a:1,b:2"];
        Config::try_parse_from(fixed.iter().chain(more)).expect("flags")
    }

    #[test]
    fn a_user_has_one_password_of_one_place_and_nothing_shows_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        std::fs::write(&file, "hunter2\n").expect("writing");
        let file = file.to_str().expect("a path");
        let user = ["--etcd-user", "root"];
        let by_file = [user[0], user[1], "--etcd-password-file", file];

        let mut given = config(&user);
        assert!(options(&given).expect_err("none").contains("no password"));
        given.etcd_password = Some(Secret::new(*b"hunter2"));
        for config in [given, config(&by_file)] {
            let options = options(&config).expect("a user");
            assert!(options.credentials.is_some());
            let shown = format!("{options:?} {config:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        let mut both = config(&by_file);
        both.etcd_password = Some(Secret::new(*b"hunter3"));
        assert!(options(&both).expect_err("two").contains("leave one out"));
        let nobody = config(&by_file[2..]);
        assert!(options(&nobody).expect_err("no user").contains("no user"));
        let nowhere = config(&[user[0], user[1], "--etcd-password-file", "/nowhere/p"]);
        assert!(
            options(&nowhere)
                .expect_err("no file")
                .contains("/nowhere/p")
        );
    }

    #[test]
    fn files_of_tls_are_taken_where_there_are_any() {
        assert!(options(&config(&[])).expect("plain").tls.is_none());
        let tls = options(&config(&["--etcd-ca-file", "/ca.pem"]))
            .expect("TLS")
            .tls;
        let ca = tls.and_then(|tls| tls.ca_file).expect("a file");
        assert_eq!(ca, std::path::Path::new("/ca.pem"));
    }
}
