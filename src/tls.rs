//! TLS towards others, as the client and the webhooks speak it: by rustls, trusting the roots that the
//! system trusts.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Speaks TLS 1.2 and 1.3, and trusts the system's root certificates and `extra_roots`.
pub fn connector(extra_roots: Vec<CertificateDer<'static>>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system_roots().into_iter().chain(extra_roots));
    if roots.is_empty() {
        log::warn!("no root certificates: nothing can be called by https");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The root certificates of the system, or those that `SSL_CERT_FILE` names.
pub fn system_roots() -> Vec<CertificateDer<'static>> {
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        log::warn!("some of the system's root certificates can't be read: {error}");
    }
    native.certs
}
