package scenario

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"dro.dev/kubectl-dro/playground/food"
)

// after is what people do once blue carries everything, and once a launcher has died.
func after(t *testing.T, c *cluster) {
	t.Run("settle, logs, rollback", func(t *testing.T) {
		const ns = "food-settle"
		c.green(t, ns)
		requests := c.load(t, ns, 50, food.Service)
		kept := strings.Replace(short("2.1.0", "1s", `tests: [{name: smoke, cmd: "echo well done"}]`), "keep: 0s", "keep: 20s", 1)
		l := c.launch(t, ns, kept, "--standby", "off", "--reason", "ticket 1")
		l.until(t, "traffic.shifted")
		c.say(t, ns, 1, "the keep window that settle ends has not begun", "settle", "foodsvc")
		l.begins(t, "keep")
		c.say(t, ns, 0, "its keep window is over", "settle", "foodsvc", "--reason", "seen enough")
		l.end(t, 0)
		c.serves(t, ns, "2.1.0", food.Service)
		c.say(t, ns, 0, "it has settled", "settle", "foodsvc-v9")
		c.say(t, ns, 0, "well done", "logs", "foodsvc")
		c.say(t, ns, 0, "seen enough", "logs", "-f", "foodsvc", "-o", "json")
		c.say(t, ns, 0, "ticket 1", "status", "foodsvc-v9")
		c.say(t, ns, 1, "nothing to retry", "retry", "foodsvc-v9")
		c.say(t, ns, 0, "foodsvc-v9-rollback is live", "rollback", "foodsvc", "--standby", "off")
		served(t, requests, "")
		c.serves(t, ns, "1.0.0", food.Service)
		c.say(t, ns, 0, "nothing is left behind", "gc")
	})
	t.Run("launch again, rollback", func(t *testing.T) {
		const ns = "food-again"
		c.green(t, ns)
		before := c.snapshot(t, ns)
		requests := c.load(t, ns, 50, food.Service)
		l := c.launch(t, ns, short("2.1.0", "10m", ""), "--standby", "off")
		l.until(t, "kpi.sampled")
		c.say(t, ns, 0, "Driven by", "status", "foodsvc")
		must(t, "kill the launcher", l.cmd.Process.Kill())
		c.say(t, ns, 1, "hold: 11m", "launch", save(t, short("2.1.0", "11m", "")), "--standby", "off")
		c.say(t, ns, 0, "is under way", "gc")
		again := c.launch(t, ns, short("2.1.0", "10m", ""), "--standby", "off")
		again.until(t, "deployment.resumed")
		again.until(t, "kpi.sampled")
		c.say(t, ns, 0, "all traffic is on green", "rollback", "foodsvc")
		again.end(t, 2)
		served(t, requests, "")
		c.unchanged(t, ns, before)
		c.say(t, ns, 0, "what was live before it is live", "rollback", "foodsvc")
	})
	t.Run("nobody settles", func(t *testing.T) {
		const ns = "food-overdue"
		c.green(t, ns)
		requests := c.load(t, ns, 50, food.Service)
		l := c.launch(t, ns, strings.Replace(short("2.1.0", "1s", ""), "keep: 0s", "keep: 2s", 1), "--standby", "off")
		l.begins(t, "keep")
		must(t, "kill the launcher", l.cmd.Process.Kill())
		eventually(t, "the next command settles it", func() (bool, string) {
			said, err := plugin(t, append([]string{"gc", "-n", ns}, c.flags()...)...).CombinedOutput()
			return strings.Contains(string(said), "foodsvc-v9 is live"), fmt.Sprintf("%v: %s", err, said)
		})
		served(t, requests, "")
		c.serves(t, ns, "2.1.0", food.Service)
		c.say(t, ns, 0, "Completed", "list")
	})
	t.Run("a settling that is refused, retry", func(t *testing.T) {
		const ns = "food-retry"
		c.green(t, ns)
		requests := c.load(t, ns, 50, food.Service)
		allow := c.forbid(t, ns, food.Service)
		c.launch(t, ns, short("2.1.0", "1s", ""), "--standby", "off").end(t, 1)
		c.say(t, ns, 0, "Halted", "status", "foodsvc")
		c.say(t, ns, 0, "not today", "status", "foodsvc")
		c.serves(t, ns, "2.1.0", food.Service) // by blue
		allow()
		c.say(t, ns, 0, "foodsvc-v9 is live", "retry", "foodsvc")
		served(t, requests, "")
		c.serves(t, ns, "2.1.0", food.Service)
		c.say(t, ns, 1, "nothing to retry", "retry", "foodsvc")
	})
	t.Run("gc", func(t *testing.T) {
		const ns = "food-gc"
		c.green(t, ns)
		before := c.snapshot(t, ns)
		l := c.launch(t, ns, short("2.1.0", "1s", `tests: [{name: smoke, cmd: "echo asking; sleep 300", timeout: 5m}]`), "--standby", "off")
		l.until(t, "test.log")
		must(t, "kill the launcher", l.cmd.Process.Kill())
		c.say(t, ns, 0, "is under way", "gc")
		must(t, "lose the record", c.client.CoreV1().Secrets(ns).Delete(t.Context(), "dro.foodsvc.1", metav1.DeleteOptions{}))
		c.say(t, ns, 0, "would remove helm release food-gc/hms-svc-food-blue", "gc", "--dry-run")
		c.say(t, ns, 0, "removed helm release food-gc/hms-svc-food-blue", "gc")
		c.unchanged(t, ns, before)
		c.say(t, ns, 0, "removed lease food-gc/dro-foodsvc", "gc") // it was held while the rest went
		c.say(t, ns, 0, "nothing is left behind", "gc")
	})
}

// forbid lets the API server refuse changes to a Deployment, until the function that it returns is called.
func (c *cluster) forbid(t *testing.T, ns, deployment string) (allow func()) {
	t.Helper()
	name := hand + ns
	policies, bindings := c.client.AdmissionregistrationV1().ValidatingAdmissionPolicies(), c.client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	_, err := policies.Create(t.Context(), &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				ResourceNames: []string{deployment},
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
				},
			}}},
			MatchConditions: []admissionv1.MatchCondition{{Name: "here", Expression: "object.metadata.namespace == '" + ns + "'"}},
			Validations:     []admissionv1.Validation{{Expression: "false", Message: "not today"}},
		},
	}, metav1.CreateOptions{})
	must(t, "create a policy", err)
	_, err = bindings.Create(t.Context(), &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}, metav1.CreateOptions{})
	must(t, "bind the policy", err)
	refused := func() bool {
		_, err := c.client.AppsV1().Deployments(ns).Patch(t.Context(), deployment, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"probe":"1"}}}`), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), "not today")
	}
	eventually(t, "the policy holds", func() (bool, string) { return refused(), "" })
	lift := func() {
		must(t, "delete the policy's binding", bindings.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}))
		must(t, "delete the policy", policies.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}))
	}
	once := sync.OnceFunc(lift)
	t.Cleanup(once)
	return func() {
		once()
		eventually(t, "the policy is lifted", func() (bool, string) { return !refused(), "" })
	}
}
