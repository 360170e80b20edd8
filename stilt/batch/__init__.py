"""What one hand-over is: its plan, its chunks, its manifest, and the lock it is made under."""
