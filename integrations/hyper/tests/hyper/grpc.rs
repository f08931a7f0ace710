//! What a service of tonic knows of its connections.

use std::sync::Arc;

use crate::ends::{connector, serve, server_config};
use axum::extract::ConnectInfo;
use handclasp::CryptoProvider;
use handclasp::credential::CertificateList;
use handclasp::transport::tokio::Connector;
use handclasp::verify::{ClientAuthentication, TrustAnchorVerifier};
use handclasp_hyper::{ConnectionInfo, HttpsConnector, handclasp};
use handclasp_testing::Identity;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;
use tonic::{Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::server::health_reporter;

/// As the guide does.
fn check_client(request: Request<()>) -> Result<Request<()>, Status> {
    let connection = request.extensions().get::<ConnectInfo<ConnectionInfo>>();
    let Some(ConnectInfo(info)) = connection else {
        return Err(Status::internal("the connection is not known"));
    };
    if info.parameters().certificates.is_none() {
        return Err(Status::unauthenticated("a client needs a certificate"));
    }
    Ok(request)
}

#[tokio::test]
async fn a_service_of_tonic_knows_the_certificates_of_its_client() {
    let identity = Identity::p256();
    let (_reporter, health) = health_reporter();
    let app = Routes::new(InterceptedService::new(health, check_client)).prepare();
    let signatures = CryptoProvider::default().signatures;
    let verifier = Arc::new(TrustAnchorVerifier::for_clients(identity.anchors(), signatures));
    let config = server_config(&identity, |server| {
        server.client_authentication(ClientAuthentication::optional(verifier))
    });
    let server = serve(config, app.into_axum_router(), |listener| listener).await;
    let url = format!("https://localhost:{}", server.port());
    let certificates = CertificateList::new(vec![Arc::new(identity.certified_key())]);
    let with_certificate =
        connector(&identity, |client| client.client_certificates(Arc::new(certificates)));
    check(&url, with_certificate).await.unwrap();
    let refused = check(&url, connector(&identity, |client| client)).await.unwrap_err();
    assert_eq!(refused.message(), "a client needs a certificate");
}

async fn check(url: &str, connector: Connector) -> Result<(), Status> {
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
    let channel = endpoint.connect_with_connector(HttpsConnector::new(connector)).await.unwrap();
    let request = HealthCheckRequest { service: String::new() };
    HealthClient::new(channel).check(request).await.map(drop)
}
