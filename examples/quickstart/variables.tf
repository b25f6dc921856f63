variable "kernel" {
  description = "http(s) URL of a raw s390x kernel image, or its path on this machine."
  type        = string
}

variable "initrd" {
  description = "http(s) URL of an initrd for that kernel, or its path on this machine."
  type        = string
}

variable "tftp_root" {
  description = "Directory on the libvirt host that guests boot from."
  type        = string
  default     = "/srv/tftp-quickstart"
}

variable "console_log_dir" {
  description = "Directory on this machine for a log of the guest's console while it boots."
  type        = string
  default     = null
}
