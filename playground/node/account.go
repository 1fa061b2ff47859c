package node

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// tokenLife is longer than a playground usually lives: nobody renews the token here.
const tokenLife = 24 * time.Hour

// writeKubeconfig writes who the pod is to the API server. Real pods find their service account's token at a path that
// all of them share, which local processes can't.
func (p *pod) writeKubeconfig(ctx context.Context, folder string) (path string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	account := p.object.Spec.ServiceAccountName
	seconds := int64(tokenLife.Seconds())
	token, err := p.node.Client.CoreV1().ServiceAccounts(p.object.Namespace).CreateToken(ctx, account, &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{
			ExpirationSeconds: &seconds,
			BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: p.object.Name, UID: p.object.UID},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("get a token of serviceaccount %s/%s: %w", p.object.Namespace, account, err)
	}
	roots, err := p.node.configs(ctx).configMap(p.object.Namespace, "kube-root-ca.crt")
	if err != nil {
		return "", fmt.Errorf("get the API server's certificate authority: %w", err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["playground"] = &clientcmdapi.Cluster{
		Server: "https://" + p.node.API, CertificateAuthorityData: []byte(roots.Data[corev1.ServiceAccountRootCAKey]),
	}
	config.AuthInfos[account] = &clientcmdapi.AuthInfo{Token: token.Status.Token}
	config.Contexts["playground"] = &clientcmdapi.Context{Cluster: "playground", AuthInfo: account, Namespace: p.object.Namespace}
	config.CurrentContext = "playground"
	path = filepath.Join(folder, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return "", fmt.Errorf("write the pod's kubeconfig: %w", err)
	}
	return path, nil
}
