"""The panes of the main screen: each shows one view of the scene, by lines."""
