"""Where knowledge comes from: files, git repositories, web sites and helpdesks, each as a stream of articles."""
