// Package process runs child processes that end when this process ends, however it ends.
//
// A Group keeps the playground's own components running: each is this binary again, under another first argument, and
// ends by itself when its standard input closes (ExitWithParent), which the system does for a parent that was killed.
// A Reaper does the same for commands that know nothing of this agreement (the containers' commands): one small child
// that ends the process groups it was told about as soon as its own input closes.
//
// It knows nothing of Kubernetes. Start reading at Group.
package process
