//! What the file says of requests that do not go where the others go: sessions and previews.

use crate::{
    config::{
        key::{NONE, told},
        tree::table,
        value::{
            duration::Period,
            path::FilePath,
            preview::{CookieName, PreviewField},
            tls::ServerNameText,
        },
    },
    core::affinity::AffinityMode,
};

table! {
    /// `[service.NAME.affinity]`
    RawAffinity {
        /// `"finish"`: sessions that were begun on the old colour finish there after a switch, and new ones go to
        /// the new colour. `"shift"`: sessions stay with their colour while a [gradual switch](#servicenameswitch)
        /// lasts, and not beyond its commit
        mode: AffinityMode = "finish",
        /// the name of the cookie
        cookie: CookieName = told("`\"cutover-NAME\"`"),
        /// with `"finish"`: how long after the commit sessions may stay on the old colour; what is in flight then
        /// has `drain_deadline` to end
        deadline: Period = "30m",
    }
}

table! {
    /// `[service.NAME.preview]`
    RawPreview {
        /// by a header field of this name, with any value, or with the secret
        header: PreviewField = NONE,
        /// by a cookie of this name, likewise
        cookie: CookieName = NONE,
        /// by this host, without port; the prefixes of the service's `routes` lead to it there, too
        host: ServerNameText = NONE,
        /// by coming in at this listener, on which the service must be heard
        listener: String = NONE,
        /// a file of one line, 16 to 512 visible characters but `;`, `,`, `"` and `\`: the value that `header` or
        /// `cookie` must have. It is read with this file, at every reload; a wrong value is no error and asks for
        /// nothing. Endpoints never get field and cookie then, right or wrong. It goes with neither `host` nor
        /// `listener`, which would let everybody in
        secret_file: FilePath = NONE,
    }
}
