package kpi

// Target is one slot of one component, as queries name it.
type Target struct {
	Namespace string // $namespace
	Component string // not for queries
	Service   string // $service: the slot's Service
	Workload  string // $workload: the slot's Deployment or StatefulSet
	Pods      string // $pods: a regular expression of the pods' names; default: as Workload's pods are named
}
