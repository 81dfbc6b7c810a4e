"""The pictures of one channel, made in a process of its own: OpenCV is loaded nowhere else in the sorting center."""
