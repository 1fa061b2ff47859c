package scenario

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfig writes a kubeconfig file for a server with the administrator's certificates, or with a token of its own.
func kubeconfig(admin *rest.Config, server, token, path string) error {
	user := &api.AuthInfo{Token: token}
	if token == "" {
		user = &api.AuthInfo{ClientCertificateData: admin.CertData, ClientKeyData: admin.KeyData,
			ClientCertificate: admin.CertFile, ClientKey: admin.KeyFile}
	}
	return clientcmd.WriteToFile(api.Config{
		Clusters: map[string]*api.Cluster{"c": {Server: server,
			CertificateAuthorityData: admin.CAData, CertificateAuthority: admin.CAFile}},
		AuthInfos:      map[string]*api.AuthInfo{"u": user},
		Contexts:       map[string]*api.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)
}

// token is a bearer token of a ServiceAccount.
func (c *cluster) token(t *testing.T, ns, account string) string {
	t.Helper()
	answer, err := c.client.CoreV1().ServiceAccounts(ns).CreateToken(t.Context(), account,
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(t, "ask for a token of "+account, err)
	return answer.Status.Token
}
