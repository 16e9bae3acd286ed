//! What is shown of messages that hold secrets.

use std::fmt;

use crate::etcdserverpb::{AuthenticateRequest, AuthenticateResponse};

impl fmt::Debug for AuthenticateRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AuthenticateResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateResponse")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let request = AuthenticateRequest {
            name: "writer".to_owned(),
            password: "hunter2".to_owned(),
        };
        let answer = AuthenticateResponse {
            header: None,
            token: "hunter2".to_owned(),
        };
        let shown = format!("{request:?} {answer:?}");
        assert!(
            shown.contains("writer") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
