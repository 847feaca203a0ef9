"""What a person may ask of those who keep data about them: to be erased, and to get a copy."""
