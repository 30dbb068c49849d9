"""Parts of the comparison of networks on CIFAR-10."""
